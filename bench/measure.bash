# Sourced by bench/run and bench/network: commands that take turns and are timed, and tables of their medians.
# The caller sets $scratch, a directory for what is kept of it, and $rounds.

has() { type -P "$1" >/dev/null; }

# measure TABLE RUNS [NAME COMMAND]...: leaves TABLE.tsv: name, median ms, 10th and 90th percentile
measure()
{
    local table=$1 runs=$2 round index names=() commands=() options
    shift 2
    while [ $# -gt 0 ]; do
        names+=("$1")
        commands+=("$2")
        shift 2
    done
    for round in $(seq "$rounds"); do
        for index in "${!commands[@]}"; do
            options=(--warmup 2)
            [ "$round" -eq 1 ] || options=(--warmup 1)
            hyperfine -N --show-output "${options[@]}" --runs "$runs" --export-json "$scratch/one.json" \
                "${commands[$index]}" >"$scratch/hyperfine.log" 2>&1 || {
                cat "$scratch/hyperfine.log" >&2
                echo "$0: failed: ${commands[$index]}" >&2
                return 1
            }
            jq -c '.results[0].times' "$scratch/one.json" >>"$scratch/$table.$index"
        done
    done
    for index in "${!commands[@]}"; do
        jq -rs --arg name "${names[$index]}" \
            'add | sort | def at(p): .[(length * p | floor)] * 1000; [$name, at(0.5), at(0.1), at(0.9)] | @tsv' \
            "$scratch/$table.$index"
    done >"$scratch/$table.tsv"
}

# Microseconds since 1970, without a process.
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# first_and_last FILE: rows for a table, of the times in it, a line each in microseconds: its first fifty, its last fifty
first_and_last()
{
    head -n 50 "$1" | sort -n | awk '{ t[NR] = $1 / 1000 } END { printf "the first 50\t%s\t%s\t%s\n", t[25], t[5], t[45] }'
    tail -n 50 "$1" | sort -n | awk -v n="$(wc -l <"$1")" '{ t[NR] = $1 / 1000 } END { printf "the last 50 of %d\t%s\t%s\t%s\n", n, t[25], t[5], t[45] }'
}

# middle NAME FILE: a row for a table, of the times in FILE, a line each in microseconds
middle() { sort -n "$2" | awk -v name="$1" '{ t[NR] = $1 / 1000 } END { printf "%s\t%s\t%s\t%s\n", name, t[int((NR + 1) / 2)], t[1], t[NR] }'; }

# show TABLE: as markdown; the first row is what the ratios are to
show()
{
    echo "| | median ms | 10 to 90 % | x first row |"
    echo "|---|---:|---:|---:|"
    awk -F'\t' 'NR == 1 { first = $2 } { printf "| %s | %.2f | %.2f to %.2f | %.2f |\n", $1, $2, $3, $4, $2 / first }' "$scratch/$1.tsv"
}

median() { awk -F'\t' -v name="$2" '$1 == name { print $2 }' "$scratch/$1.tsv"; }

# goal TEXT MEASURED LIMIT [least]
goal()
{
    awk -v text="$1" -v have="$2" -v limit="$3" -v sense="${4:-most}" 'BEGIN {
        if (have == "") { printf "| %s | %s | not measured | **not met** |\n", text, limit; exit }
        met = sense == "most" ? have <= limit : have >= limit
        printf "| %s | %s %s | %.2f | %s |\n", text, sense == "most" ? "at most" : "at least", limit, have, met ? "met" : "**not met**" }'
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b > 0) print a / b }'; }
