/*
 * What the C of a kernel tree, arch/x86/lib/copy_mc.c, asks of its headers, for user
 * space. Static keys and CPU features are decided when it is compiled, as the running
 * kernel has them patched in: each leaves a no-op or a jump of five bytes. (Since 5.14
 * Linux takes two bytes for a key whose target is near.)
 *
 * COPYMC_FRAGILE   1: keys with "fragile" in their name are on
 * COPYMC_FEATURES  the CPU's features, bits as in shim.h
 * COPYMC_MEMCPY    the tree's own memcpy()
 * A macro or function that a tree needs and this file lacks is added here, with a comment.
 */
#ifndef COPYMC_SHIM_C_H
#define COPYMC_SHIM_C_H

typedef __SIZE_TYPE__ size_t;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef _Bool bool;
enum { false, true };
#define NULL ((void *)0)

/* Words for the compiler and for checkers. */
#define __user
#define __force
#define __visible __attribute__((__externally_visible__))
#define __must_check __attribute__((__warn_unused_result__))
#define __always_inline inline __attribute__((__always_inline__))
#define noinline __attribute__((__noinline__))
#define notrace __attribute__((__no_instrument_function__))
#define noinstr notrace noinline
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* Marks for modules say nothing here. */
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define EXPORT_SYMBOL_FOR_MODULES(name, modules)
/* Sanitizers look at the bytes; a kernel without them has nothing here. */
#define instrument_memcpy_before(to, from, size) ((void)0)
#define instrument_memcpy_after(to, from, size, left) ((void)(left))
#define instrument_copy_to_user(to, from, size) ((void)0)
#define might_fault() ((void)0)

/* User space has no supervisor access prevention to lift. */
#define stac() __asm__ volatile("" ::: "memory")
#define clac() __asm__ volatile("" ::: "memory")
#define __uaccess_begin() stac()
#define __uaccess_end() clac()

/* A decision as it is patched: a jump that is taken, or a no-op of the same length. */
static __always_inline bool copymc_jumps(const int taken)
{
	__asm__ goto(".if %c0\n\t"
		     ".byte 0xe9\n\t.long %l[yes] - . - 4\n\t"
		     ".else\n\t"
		     ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\t"
		     ".endif"
		     : : "i"(taken) : : yes);
	return false;
yes:
	return true;
}

/* Keys have no value to change: nothing is patched while it runs. */
struct static_key_true { char unused; };
struct static_key_false { char unused; };
#define DEFINE_STATIC_KEY_TRUE(name) struct static_key_true name __attribute__((__unused__))
#define DEFINE_STATIC_KEY_FALSE(name) struct static_key_false name __attribute__((__unused__))
#define DECLARE_STATIC_KEY_TRUE(name) extern struct static_key_true name
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name
#define copymc_is_on(key, text)                                                      \
	(__builtin_types_compatible_p(__typeof__(*(key)), struct static_key_true) || \
	 (COPYMC_FRAGILE && __builtin_strstr(text, "fragile") != NULL))
#define static_branch_unlikely(key) unlikely(copymc_jumps(copymc_is_on(key, #key)))
#define static_branch_likely(key) likely(!copymc_jumps(!copymc_is_on(key, #key)))
#define static_branch_inc(key) ((void)(key))
#define static_branch_dec(key) ((void)(key))
#define static_branch_enable(key) ((void)(key))
#define static_branch_disable(key) ((void)(key))

/* A feature that is there leaves a no-op, one that is not a jump past what needs it. */
#define static_cpu_has(feature) (!copymc_jumps(!(COPYMC_FEATURES >> (feature) & 1)))
#define cpu_feature_enabled(feature) static_cpu_has(feature)
#define boot_cpu_has(feature) static_cpu_has(feature)

/* Of the tree's assembly. */
unsigned long copy_mc_fragile(void *dst, const void *src, unsigned size);
void *memcpy(void *dst, const void *src, size_t size) __asm__(COPYMC_MEMCPY);

/*
 * In Linux this is inline code of a header that no tree is read for. Nothing is
 * copied here, so that whatever gets here is seen; no kernel of ours should.
 */
static __always_inline unsigned long copy_user_generic(void *dst, const void *src, unsigned size)
{
	(void)dst;
	(void)src;
	return size;
}

#endif
