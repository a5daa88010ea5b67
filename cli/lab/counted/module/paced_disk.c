// SPDX-License-Identifier: GPL-2.0-only
/*
 * paced_disk: a disk in memory that answers reads as late as a real disk does. It is the data disk
 * of the counted lab (docs/guide/counted-lab.md), where everything but the processor is memory.
 *
 * The Linux kernel takes this module's code for its own, and so this file alone is under the
 * GNU General Public License, version 2; the rest of the repository is under Apache-2.0.
 *
 * Reads pass one after the other at `bytes_per_second`, no more than `requests_per_second` of them
 * begin in a second, and each is answered `latency_ns` after it has passed, however many are under
 * way. This is the model of bench/remote_disk/link.h. Writes, discards and flushes take no time
 * but the processor's. A read is a request of the block layer: one of a program that is larger than
 * 512 KiB is several, and adjacent ones that are submitted together are one.
 *
 * There is one disk, /dev/paced0, for as long as the module is loaded. It takes memory for pages
 * that were written and not discarded since; a write that would take the machine's last 1/16 fails
 * with ENOSPC.
 * Written for Linux 6.12.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

/* The part of the memory that stays free, since a machine without any dies. */
#define RESERVE 16

static unsigned long long size;
module_param(size, ullong, 0444);
MODULE_PARM_DESC(size, "capacity in bytes, a multiple of 4096");

static unsigned long long latency_ns;
module_param(latency_ns, ullong, 0444);
MODULE_PARM_DESC(latency_ns, "from the passage of a read to its answer, at most 10 s (default: 0)");

static unsigned long long bytes_per_second;
module_param(bytes_per_second, ullong, 0444);
MODULE_PARM_DESC(bytes_per_second, "that pass in reads; 0: no limit (default)");

static unsigned long long requests_per_second;
module_param(requests_per_second, ullong, 0444);
MODULE_PARM_DESC(requests_per_second, "reads that begin; 0: no limit (default)");

static struct {
	struct gendisk *gendisk;
	struct blk_mq_tag_set tags;

	struct xarray pages;		/* those that are absent hold zeros */
	struct rw_semaphore pages_lock; /* held for writing while pages are freed */

	spinlock_t link_lock;
	ktime_t link_free; /* when the next read can begin to pass */
} disk;

/* When a read that comes now is answered. Later reads are answered later. */
static ktime_t paced_answer(unsigned int bytes)
{
	u64 transfer = 0, interval = 0;
	ktime_t begin;

	if (bytes_per_second)
		transfer = DIV64_U64_ROUND_UP((u64)bytes * NSEC_PER_SEC, bytes_per_second);
	if (requests_per_second)
		interval = DIV64_U64_ROUND_UP(NSEC_PER_SEC, requests_per_second);

	spin_lock(&disk.link_lock);
	begin = max(disk.link_free, ktime_get());
	disk.link_free = ktime_add_ns(begin, max(transfer, interval));
	spin_unlock(&disk.link_lock);
	return ktime_add_ns(begin, transfer + latency_ns);
}

/* The page for a write, or NULL if there is no memory. The caller holds pages_lock. */
static struct page *paced_page(pgoff_t index)
{
	struct page *page = xa_load(&disk.pages, index);
	struct page *other;

	if (page)
		return page;
	if (si_mem_available() < totalram_pages() / RESERVE)
		return NULL;
	page = alloc_page(GFP_NOIO | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!page)
		return NULL;
	other = xa_cmpxchg(&disk.pages, index, NULL, page, GFP_NOIO);
	if (!other)
		return page;
	__free_page(page);
	return xa_is_err(other) ? NULL : other;
}

/*
 * A real disk copies without the processor, so this must cost it little: copy_page() and
 * clear_page() take fewer instructions than memcpy() and memset().
 */
static void paced_copy(void *to, const void *from, unsigned int bytes)
{
	if (bytes == PAGE_SIZE)
		copy_page(to, (void *)from);
	else
		memcpy(to, from, bytes);
}

static void paced_clear(void *to, unsigned int bytes)
{
	if (bytes == PAGE_SIZE)
		clear_page(to);
	else
		memset(to, 0, bytes);
}

/* Copies a piece of a request that lies within a page of the disk. */
static bool paced_move(bool write, loff_t position, void *buffer, unsigned int bytes)
{
	const pgoff_t index = position >> PAGE_SHIFT;
	struct page *page = write ? paced_page(index) : xa_load(&disk.pages, index);
	void *content = page ? page_address(page) + offset_in_page(position) : NULL;

	if (write && !content)
		return false;
	if (write)
		paced_copy(content, buffer, bytes);
	else if (content)
		paced_copy(buffer, content, bytes);
	else
		paced_clear(buffer, bytes);
	return true;
}

static blk_status_t paced_transfer(struct request *rq)
{
	const bool write = req_op(rq) == REQ_OP_WRITE;
	loff_t position = (loff_t)blk_rq_pos(rq) << SECTOR_SHIFT;
	struct req_iterator iterator;
	struct bio_vec segment;
	bool moved = true;

	down_read(&disk.pages_lock);
	rq_for_each_segment (segment, rq, iterator) {
		void *buffer = bvec_kmap_local(&segment);
		unsigned int done = 0;

		while (moved && done < segment.bv_len) {
			unsigned int bytes = min_t(unsigned int, segment.bv_len - done,
						   PAGE_SIZE - offset_in_page(position));

			moved = paced_move(write, position, buffer + done, bytes);
			position += bytes;
			done += bytes;
		}
		kunmap_local(buffer);
	}
	up_read(&disk.pages_lock);
	return moved ? BLK_STS_OK : BLK_STS_NOSPC;
}

/* Makes a range zeros, and gives back the memory of the pages that lie within it. */
static void paced_erase(loff_t begin, loff_t end)
{
	unsigned long index;
	struct page *page;

	down_write(&disk.pages_lock);
	xa_for_each_range (&disk.pages, index, page, begin >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT) {
		loff_t from = max(begin, (loff_t)index << PAGE_SHIFT);
		loff_t to = min(end, (loff_t)(index + 1) << PAGE_SHIFT);

		if (to - from == PAGE_SIZE) {
			xa_erase(&disk.pages, index);
			__free_page(page);
		} else {
			memset(page_address(page) + offset_in_page(from), 0, to - from);
		}
		cond_resched();
	}
	up_write(&disk.pages_lock);
}

static blk_status_t paced_queue_rq(struct blk_mq_hw_ctx *context,
				   const struct blk_mq_queue_data *data)
{
	struct request *rq = data->rq;
	struct hrtimer *timer = blk_mq_rq_to_pdu(rq);
	loff_t begin = (loff_t)blk_rq_pos(rq) << SECTOR_SHIFT;
	blk_status_t status = BLK_STS_OK;
	ktime_t answer;

	blk_mq_start_request(rq);
	switch (req_op(rq)) {
	case REQ_OP_READ:
		/* The time of the copy is a part of the read's own. */
		answer = paced_answer(blk_rq_bytes(rq));
		paced_transfer(rq);
		hrtimer_start(timer, answer, HRTIMER_MODE_ABS);
		return BLK_STS_OK;
	case REQ_OP_WRITE:
		status = paced_transfer(rq);
		break;
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		paced_erase(begin, begin + blk_rq_bytes(rq));
		break;
	default:
		status = BLK_STS_NOTSUPP;
	}
	blk_mq_end_request(rq, status);
	return BLK_STS_OK;
}

static enum hrtimer_restart paced_expire(struct hrtimer *timer)
{
	blk_mq_complete_request(blk_mq_rq_from_pdu(timer));
	return HRTIMER_NORESTART;
}

static void paced_complete(struct request *rq)
{
	blk_mq_end_request(rq, BLK_STS_OK);
}

static int paced_init_request(struct blk_mq_tag_set *tags, struct request *rq, unsigned int context,
			      unsigned int node)
{
	struct hrtimer *timer = blk_mq_rq_to_pdu(rq);

	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = paced_expire;
	return 0;
}

/* Every read is answered in the end, though a slow disk may take longer than the block layer's 30
 * s. */
static enum blk_eh_timer_return paced_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops paced_queue_ops = {
	.queue_rq = paced_queue_rq,
	.complete = paced_complete,
	.init_request = paced_init_request,
	.timeout = paced_timeout,
};

static const struct block_device_operations paced_disk_ops = {
	.owner = THIS_MODULE,
};

static int __init paced_check_parameters(void)
{
	if (!size || size % PAGE_SIZE || size > LLONG_MAX) {
		pr_err("size=%llu: a multiple of %lu bytes is expected\n", size, PAGE_SIZE);
		return -EINVAL;
	}
	if (latency_ns > 10ULL * NSEC_PER_SEC) {
		pr_err("latency_ns=%llu: at most 10 s are expected\n", latency_ns);
		return -EINVAL;
	}
	return 0;
}

static int __init paced_init(void)
{
	/* Requests are as large, and queues as deep, as those of common NVMe drives. */
	struct queue_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = PAGE_SIZE,
		.max_hw_sectors = SZ_512K >> SECTOR_SHIFT,
		.discard_granularity = PAGE_SIZE,
		.max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT,
		.max_write_zeroes_sectors = UINT_MAX >> SECTOR_SHIFT,
	};
	int error = paced_check_parameters();

	if (error)
		return error;
	xa_init(&disk.pages);
	init_rwsem(&disk.pages_lock);
	spin_lock_init(&disk.link_lock);

	disk.tags.ops = &paced_queue_ops;
	disk.tags.nr_hw_queues = nr_cpu_ids;
	disk.tags.queue_depth = 1023;
	disk.tags.numa_node = NUMA_NO_NODE;
	disk.tags.cmd_size = sizeof(struct hrtimer);
	/* Blocking, since a write takes memory. */
	disk.tags.flags = BLK_MQ_F_BLOCKING | BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	error = blk_mq_alloc_tag_set(&disk.tags);
	if (error)
		return error;

	disk.gendisk = blk_mq_alloc_disk(&disk.tags, &limits, NULL);
	if (IS_ERR(disk.gendisk)) {
		error = PTR_ERR(disk.gendisk);
		goto free_tags;
	}
	disk.gendisk->fops = &paced_disk_ops;
	disk.gendisk->flags |= GENHD_FL_NO_PART;
	strscpy(disk.gendisk->disk_name, "paced0");
	set_capacity(disk.gendisk, size >> SECTOR_SHIFT);
	error = add_disk(disk.gendisk);
	if (error)
		goto put_disk;
	return 0;

put_disk:
	put_disk(disk.gendisk);
free_tags:
	blk_mq_free_tag_set(&disk.tags);
	return error;
}

static void __exit paced_exit(void)
{
	del_gendisk(disk.gendisk);
	put_disk(disk.gendisk);
	blk_mq_free_tag_set(&disk.tags);
	paced_erase(0, size);
	xa_destroy(&disk.pages);
}

module_init(paced_init);
module_exit(paced_exit);
MODULE_DESCRIPTION("A disk in memory with the latency and bandwidth of a real one");
MODULE_LICENSE("GPL");
