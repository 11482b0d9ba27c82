/* Questions about names, as a container may send them: what is read of one stays in it, and what is answered is an
 * answer to it, not longer than it may be. The first byte says which way a message goes. */
#include <string.h>

#include "monitor/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answer(const unsigned char *query, size_t len, const struct sc_dns_question *question)
{
    static const unsigned char address[16];
    unsigned char out[SC_DNS_PLAIN_MAX];
    struct sc_dns_answer answer = {.data = out, .size = sizeof(out)};

    if (question->end > len)
        SC_BUG("a question that ends behind its message");
    sc_dns_answer_begin(&answer, query, question, SC_DNS_NOERROR);
    for (int i = 0; i < 40; i++)
        sc_dns_answer_address(&answer, address, i % 2 ? 4 : 16);
    sc_dns_answer_name(&answer, question->name);
    sc_dns_answer_end(&answer, question);
    if (answer.len > sizeof(out) || !answer.is_cut)
        SC_BUG("an answer that does not fit");
    if (question->end > 12 && !sc_dns_answers(out, answer.len, query, question->end, sc_dns_id(query)))
        SC_BUG("an answer to something else");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char asked[] = "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03web\0\0\x01\0\x01";
    struct sc_dns_question question;
    unsigned char address[16];

    if (size > 0 && data[0] == 'r') {
        (void)sc_dns_answers(data + 1, size - 1, asked, sizeof(asked) - 1, 0x1234);
        return 0;
    }
    switch (sc_dns_parse(data + (size > 0), size - (size > 0), &question)) {
    case SC_DNS_IS_NONE:
        break;
    case SC_DNS_IS_BAD:
        if (question.rcode == SC_DNS_NOERROR)
            SC_BUG("nothing is wrong with it");
        check_answer(data + 1, size - 1, &question);
        break;
    case SC_DNS_ASKS:
        if (strlen(question.name) >= SC_DNS_NAME_MAX || strchr(question.name, ' '))
            SC_BUG("a name that is none");
        (void)sc_dns_reverse(question.name, address);
        check_answer(data + 1, size - 1, &question);
        break;
    }
    return 0;
}
