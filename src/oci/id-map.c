/* Ids through the maps of a user namespace, both ways. */
#include "oci/oci.h"

bool
sc_oci_id_inside(const struct sc_oci_id_maps *maps, uint32_t *id)
{
    for (size_t i = 0; i < maps->count; i++) {
        const struct sc_oci_id_map *map = &maps->items[i];

        if (*id >= map->host_id && *id - map->host_id < map->size) {
            *id = map->container_id + (*id - map->host_id);
            return true;
        }
    }
    return maps->count == 0;
}

bool
sc_oci_id_outside(const struct sc_oci_id_maps *maps, uint32_t *id)
{
    for (size_t i = 0; i < maps->count; i++) {
        const struct sc_oci_id_map *map = &maps->items[i];

        if (*id >= map->container_id && *id - map->container_id < map->size) {
            *id = map->host_id + (*id - map->container_id);
            return true;
        }
    }
    return maps->count == 0;
}
