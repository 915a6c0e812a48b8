/* Tells the test where the planted kernel and its exception table lie. */
#include <stddef.h>

extern char __start___ex_table[] __attribute__((weak, visibility("hidden")));
extern char __stop___ex_table[] __attribute__((weak, visibility("hidden")));
size_t copymc_planted_p0(void *, const void *, size_t);
size_t copymc_planted_end_p0(void *, const void *, size_t);

void *const planted[] = {
	(void *)copymc_planted_p0, (void *)copymc_planted_end_p0,
	__start___ex_table, __stop___ex_table,
};
