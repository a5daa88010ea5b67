/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How the counted lab's kernel calls out of its machine: by writing the physical address of a
 * struct counted_call to CALL_PORT. The call takes no counted time and is done when the write
 * returns. Included by the kernel
 * module, the boot ROM and the plugin of Bochs.
 */
#ifndef FAASNAP_COUNTED_CALLS_H
#define FAASNAP_COUNTED_CALLS_H

#define COUNTED_CALL_PORT 0x5f0 /* 32 bits: the address of a call */
#define COUNTED_SKIP_PORT 0x5f4 /* 32 bits, any: time goes on to the next event */
#define COUNTED_LOAD_PORT 0x5f8 /* 32 bits, any: the boot image goes into memory */

#ifndef __ASSEMBLER__

#include <linux/types.h>

enum counted_operation {
	/* Says where queue `index` of the shared files lies: `length` descriptors at `address`. */
	COUNTED_QUEUE,
	/* Answers all requests in queue `index`. */
	COUNTED_NOTIFY,
	/* Writes `length` bytes at `address` to stream `index`. */
	COUNTED_WRITE,
	/* Reads up to `length` bytes. `result` is 0 if there are none and `wait` is 0. */
	COUNTED_READ,
	/* `result` has a bit for each stream that has bytes to be read, or has ended. */
	COUNTED_POLL,
};

struct counted_call {
	__u32 operation;
	__u32 index;
	__u64 address;
	__u64 available; /* the address of a queue's ring of available buffers */
	__u64 used;	 /* and of used ones */
	__u32 length;
	__u32 wait;
	__s64 result;
};

#endif

#endif
