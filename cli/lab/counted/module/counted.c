// SPDX-License-Identifier: GPL-2.0-only
/*
 * counted: what the counted lab's kernel knows of its machine (docs/guide/counted-lab.md). The
 * streams to the supervisor are /dev/faasnap.NAME; the files of the machine outside are a virtio
 * device for the kernel's virtiofs; and where no CPU has anything to do, the clock jumps to the
 * next event.
 *
 * The Linux kernel takes this module's code for its own, and so this file alone is under the
 * GNU General Public License, version 2. Written for Linux 6.12.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/apicdef.h>
#include <asm/mwait.h>
#include <linux/cpuidle.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_fs.h>
#include <uapi/linux/virtio_ids.h>

#include "calls.h"

static DEFINE_SPINLOCK(call_lock);
static struct counted_call *call_memory;

static s64 counted_call(struct counted_call call)
{
	unsigned long flags;
	s64 result;

	spin_lock_irqsave(&call_lock, flags);
	*call_memory = call;
	wmb();
	outl(virt_to_phys(call_memory), COUNTED_CALL_PORT);
	rmb();
	result = READ_ONCE(call_memory->result);
	spin_unlock_irqrestore(&call_lock, flags);
	return result;
}

/* ---- streams -------------------------------------------------------------------------------- */

#define PIECE_ORDER 4
#define PIECE_SIZE (PAGE_SIZE << PIECE_ORDER)

static const struct file_operations stream_operations;

#define STREAM(n)                                                                                  \
	{                                                                                          \
		.minor = MISC_DYNAMIC_MINOR, .name = "faasnap." n, .fops = &stream_operations,     \
	}

/* Their order is their number in calls. */
static struct miscdevice streams[] = {
	STREAM("control"),
	STREAM("stdin"),
	STREAM("stdout"),
	STREAM("stderr"),
};

static DEFINE_MUTEX(piece_lock);
static void *piece;

static DECLARE_WAIT_QUEUE_HEAD(input_wait);
static unsigned long inputs;

/* The supervisor raises no interrupt: what it sent is noticed at the next tick. */
static void look_for_input(struct timer_list *timer);
static DEFINE_TIMER(input_timer, look_for_input);

static void look_for_input(struct timer_list *timer)
{
	WRITE_ONCE(inputs, counted_call((struct counted_call){.operation = COUNTED_POLL}));
	if (inputs)
		wake_up_interruptible(&input_wait);
	mod_timer(&input_timer, jiffies + 1);
}

static unsigned int number_of(struct file *file)
{
	return (struct miscdevice *)file->private_data - streams;
}

/* Waits outside counted time, if at all: the lab does nothing else while it waits for its job. */
static ssize_t stream_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	s64 got;

	mutex_lock(&piece_lock);
	got = counted_call((struct counted_call){
		.operation = COUNTED_READ,
		.index = number_of(file),
		.address = virt_to_phys(piece),
		.length = min_t(size_t, count, PIECE_SIZE),
		.wait = !(file->f_flags & O_NONBLOCK),
	});
	if (got == 0)
		got = -EAGAIN;
	else if (copy_to_user(to, piece, got))
		got = -EFAULT;
	mutex_unlock(&piece_lock);
	return got;
}

static ssize_t stream_write(struct file *file, const char __user *from, size_t count,
			    loff_t *position)
{
	size_t length = min_t(size_t, count, PIECE_SIZE);
	s64 put;

	mutex_lock(&piece_lock);
	if (copy_from_user(piece, from, length))
		put = -EFAULT;
	else
		put = counted_call((struct counted_call){
			.operation = COUNTED_WRITE,
			.index = number_of(file),
			.address = virt_to_phys(piece),
			.length = length,
		});
	mutex_unlock(&piece_lock);
	return put;
}

static __poll_t stream_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &input_wait, wait);
	WRITE_ONCE(inputs, counted_call((struct counted_call){.operation = COUNTED_POLL}));
	return EPOLLOUT | EPOLLWRNORM | (inputs & BIT(number_of(file)) ? EPOLLIN | EPOLLRDNORM : 0);
}

static const struct file_operations stream_operations = {
	.owner = THIS_MODULE,
	.read = stream_read,
	.write = stream_write,
	.poll = stream_poll,
};

/* ---- files ---------------------------------------------------------------------------------- */

#define QUEUE_SIZE 1024

static const struct virtio_fs_config files_config = {
	.tag = "root",
	.num_request_queues = 1,
};

static u8 files_status;

/* The requests are answered when this returns. */
static bool files_notify(struct virtqueue *queue)
{
	counted_call((struct counted_call){
		.operation = COUNTED_NOTIFY,
		.index = queue->index,
	});
	vring_interrupt(0, queue);
	return true;
}

static void files_get(struct virtio_device *device, unsigned int offset, void *to,
		      unsigned int size)
{
	memcpy(to, (const u8 *)&files_config + offset, size);
}

static void files_set(struct virtio_device *device, unsigned int offset, const void *from,
		      unsigned int size)
{
}

static u8 files_get_status(struct virtio_device *device)
{
	return files_status;
}

static void files_set_status(struct virtio_device *device, u8 status)
{
	files_status = status;
}

static void files_reset(struct virtio_device *device)
{
	files_status = 0;
}

static void files_del_vqs(struct virtio_device *device)
{
	struct virtqueue *queue, *next;

	list_for_each_entry_safe(queue, next, &device->vqs, list) vring_del_virtqueue(queue);
}

static int files_find_vqs(struct virtio_device *device, unsigned int count,
			  struct virtqueue *queues[], struct virtqueue_info infos[],
			  struct irq_affinity *affinity)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct virtqueue *queue = vring_create_virtqueue(
			i, QUEUE_SIZE, PAGE_SIZE, device, true, false, infos[i].ctx, files_notify,
			infos[i].callback, infos[i].name);

		if (!queue) {
			files_del_vqs(device);
			return -ENOMEM;
		}
		queue->num_max = QUEUE_SIZE;
		queues[i] = queue;
		counted_call((struct counted_call){
			.operation = COUNTED_QUEUE,
			.index = i,
			.address = virtqueue_get_desc_addr(queue),
			.available = virtqueue_get_avail_addr(queue),
			.used = virtqueue_get_used_addr(queue),
			.length = virtqueue_get_vring_size(queue),
		});
	}
	return 0;
}

static u64 files_get_features(struct virtio_device *device)
{
	return BIT_ULL(VIRTIO_F_VERSION_1);
}

static int files_finalize_features(struct virtio_device *device)
{
	vring_transport_features(device);
	return 0;
}

static const struct virtio_config_ops files_operations = {
	.get = files_get,
	.set = files_set,
	.get_status = files_get_status,
	.set_status = files_set_status,
	.reset = files_reset,
	.find_vqs = files_find_vqs,
	.del_vqs = files_del_vqs,
	.get_features = files_get_features,
	.finalize_features = files_finalize_features,
};

static void files_release(struct device *device)
{
}

static struct virtio_device files = {
	.id.device = VIRTIO_ID_FS,
	.config = &files_operations,
	.dev.release = files_release,
};

/* ---- idle ----------------------------------------------------------------------------------- */

static atomic_t idle_cpus;
/* Each CPU sees its own here. */
static void __iomem *local_apic;

static bool interrupt_is_pending(void)
{
	int i;

	for (i = 0; i < 8; i++)
		if (readl(local_apic + APIC_IRR + 0x10 * i))
			return true;
	return false;
}

/*
 * Interrupts are disabled here. A CPU that is not the last to become idle halts until one is
 * pending; it then leaves before it handles that, so that the clock does not jump meanwhile.
 */
static int wait_for_interrupt(struct cpuidle_device *device, struct cpuidle_driver *driver,
			      int index)
{
	atomic_inc(&idle_cpus);
	while (!need_resched() && !interrupt_is_pending()) {
		if (atomic_read(&idle_cpus) == num_online_cpus())
			outl(0, COUNTED_SKIP_PORT);
		else
			mwait_idle_with_hints(0, 1);
	}
	atomic_dec(&idle_cpus);
	return index;
}

static struct cpuidle_driver idle_driver = {
	.name = KBUILD_MODNAME,
	.owner = THIS_MODULE,
	.states =
		{
			{
				.name = "skip",
				.desc = "the clock jumps",
				.enter = wait_for_interrupt,
			},
		},
	.state_count = 1,
};

/* ---- module --------------------------------------------------------------------------------- */

static int __init counted_init(void)
{
	struct platform_device *parent;
	int error, registered = 0;

	call_memory = (void *)get_zeroed_page(GFP_KERNEL | GFP_DMA32);
	piece = (void *)__get_free_pages(GFP_KERNEL | GFP_DMA32, PIECE_ORDER);
	local_apic = ioremap(APIC_DEFAULT_PHYS_BASE, PAGE_SIZE);
	error = -ENOMEM;
	if (!call_memory || !piece || !local_apic)
		goto free;
	error = cpuidle_register(&idle_driver, NULL);
	if (error)
		goto free;
	for (; registered < ARRAY_SIZE(streams); registered++) {
		error = misc_register(&streams[registered]);
		if (error)
			goto unregister;
	}
	parent = platform_device_register_simple(KBUILD_MODNAME, PLATFORM_DEVID_NONE, NULL, 0);
	error = PTR_ERR_OR_ZERO(parent);
	if (error)
		goto unregister;
	files.dev.parent = &parent->dev;
	error = register_virtio_device(&files);
	if (error) {
		platform_device_unregister(parent);
		goto unregister;
	}
	mod_timer(&input_timer, jiffies + 1);
	return 0;

unregister:
	while (registered > 0)
		misc_deregister(&streams[--registered]);
	cpuidle_unregister(&idle_driver);
free:
	if (local_apic)
		iounmap(local_apic);
	free_pages((unsigned long)piece, PIECE_ORDER);
	free_page((unsigned long)call_memory);
	return error;
}

/* The lab needs it to its end: it cannot be unloaded. */
module_init(counted_init);

MODULE_DESCRIPTION("The counted lab's machine");
MODULE_LICENSE("GPL");
