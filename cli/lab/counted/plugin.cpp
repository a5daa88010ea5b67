// SPDX-License-Identifier: Apache-2.0

// A device for Bochs, loaded as a plugin: it carries out the calls of the counted lab's kernel
// (module/calls.h). It connects the lab to the supervisor's sockets and to virtiofsd, and lets the
// clock jump when the kernel is idle.
//
// Debian's Bochs 2.7 has a plugin interface but no package of its headers, so the names that are
// needed are declared here.

#include "module/calls.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

// ---- Bochs --------------------------------------------------------------------------------------

class BX_CPU_C;

// The machine's physical memory, a single object.
class BX_MEM_C {
 public:
  // Returns a pointer to a byte of physical memory and the rest of its page, or null if it is not
  // memory.
  static std::uint8_t* getHostMemAddr(BX_CPU_C*, std::uint64_t address, unsigned access);
  // Writes within a page, and makes processors forget the code that they have decoded there.
  static void dmaWritePhysicalPage(std::uint64_t address, unsigned length, std::uint8_t* data);
};

// The clock, with its members as in Bochs 2.7, which Counted::init checks.
class bx_pc_system_c {
 public:
  virtual ~bx_pc_system_c();
  void countdownEvent();
  void set_enable_a20(bool enabled);

  struct Timer {
    bool used;
    std::uint64_t period;
    std::uint64_t next;
    bool active;
    bool continuous;
    void (*function)(void*);
    void* object;
    char name[32];
    std::uint32_t parameter;
  };

  void* log_[5];
  Timer timers_[64];
  unsigned timer_count_;
  unsigned triggered_timer_;
  std::uint32_t ticks_to_next_event_;
  std::uint32_t ticks_between_events_;
};
extern bx_pc_system_c bx_pc_system;

// A device. Bochs calls these through its own class of the same shape.
class Device {
 public:
  virtual ~Device() = default;
  virtual void init() = 0;
  virtual void reset(unsigned) {}
  virtual void register_state() {}
  virtual void after_restore_state() {}
  virtual void debug_dump(int, char**) {}
};

extern "C" void pluginRegisterDeviceDevmodel(void* plugin, std::uint16_t type, Device*,
                                             const char* name);

using WriteHandler = void (*)(void* object, std::uint32_t port, std::uint32_t value,
                              unsigned length);
extern int (*pluginRegisterIOWriteHandler)(void* object, WriteHandler, unsigned port,
                                           const char* name, std::uint8_t lengths);

namespace {

constexpr unsigned kWrite = 1;
constexpr std::uint8_t kFourBytes = 4;
constexpr int kOptional = 4;
enum Mode : std::uint8_t { kEnd, kStart, kProbe, kFlags };

constexpr std::uint64_t kPage = 4096;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "counted: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

[[noreturn]] void refuse(const char* what) {
  std::fprintf(stderr, "counted: %s\n", what);
  std::_Exit(1);
}

void require(bool held, const char* what) {
  if (!held) {
    fail(what);
  }
}

// Returns a number that the supervisor has put into the environment.
int setting(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) {
    refuse(name);
  }
  return std::atoi(text);
}

// ---- Memory -------------------------------------------------------------------------------------

// The lab's memory, made shareable for virtiofsd. Bochs allocates its blocks of 128 KiB in the
// order of their first use; this class touches them in the order of their addresses, except those
// from 640 KiB to 1 MiB, which belong to the screen and to ROMs and which Bochs uses later.
class Memory {
 public:
  static constexpr std::uint64_t kLowEnd = 0xa0000;
  static constexpr std::uint64_t kHighBegin = 0x100000;

  explicit Memory(std::uint64_t size) : size_(size) {
    constexpr std::uint64_t kBlock = 128 * 1024;
    base_ = BX_MEM_C::getHostMemAddr(nullptr, 0, kWrite);
    for (std::uint64_t block = 0; block < size; block += kBlock) {
      if ((block < kLowEnd || block >= kHighBegin) &&
          BX_MEM_C::getHostMemAddr(nullptr, block, kWrite) != at(block)) {
        refuse("unexpected version of Bochs: memory");
      }
    }
    fd_ = memfd_create("memory", MFD_CLOEXEC);
    require(fd_ >= 0 && ftruncate(fd_, static_cast<off_t>(size)) == 0, "memory");
    require(mmap(base_, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd_, 0) == base_,
            "memory");
  }

  int fd() const { return fd_; }
  std::uint64_t size() const { return size_; }

  // Returns the byte at a physical address outside the gap.
  std::uint8_t* at(std::uint64_t address) const { return base_ + offset(address); }

  static std::uint64_t offset(std::uint64_t address) {
    return address < kLowEnd ? address : address - (kHighBegin - kLowEnd);
  }

  // Does the same for a request of the kernel, which must lie in memory as a whole.
  std::uint8_t* checked(std::uint64_t address, std::uint64_t length) const {
    if (address < kHighBegin || address > size_ || length > size_ - address) {
      refuse("a call names memory that does not exist");
    }
    return at(address);
  }

  // Must be called before anything but Bochs writes there.
  static void forget_code(std::uint64_t address, std::uint64_t length) {
    for (std::uint64_t page = address & ~(kPage - 1); page < address + length; page += kPage) {
      std::uint8_t byte = *BX_MEM_C::getHostMemAddr(nullptr, page, 0);
      BX_MEM_C::dmaWritePhysicalPage(page, 1, &byte);
    }
  }

  static void write(std::uint64_t address, std::uint8_t* data, std::uint64_t length) {
    while (length > 0) {
      const std::uint64_t part = std::min(length, kPage - address % kPage);
      BX_MEM_C::dmaWritePhysicalPage(address, static_cast<unsigned>(part), data);
      address += part;
      data += part;
      length -= part;
    }
  }

 private:
  std::uint64_t size_;
  std::uint8_t* base_;
  int fd_;
};

// ---- Files --------------------------------------------------------------------------------------

// Descriptors and rings of a virtqueue (Virtual I/O Device, version 1.1, section 2.6).
struct Descriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};
constexpr std::uint16_t kHasNext = 1;
constexpr std::uint16_t kIsWritten = 2;

struct Queue {
  std::uint32_t size = 0;
  Descriptor* descriptors = nullptr;
  volatile std::uint16_t* available = nullptr;
  volatile std::uint16_t* used = nullptr;
  std::uint16_t seen = 0;
  int kick = -1;
  int call = -1;
};

// The connection to virtiofsd, which serves the queues from the lab's memory, by QEMU's protocol
// vhost-user (docs/interop/vhost-user.rst of QEMU). Waits for requests outside counted time.
class Files {
 public:
  Files(int socket, const Memory& memory) : socket_(socket), memory_(memory) {
    constexpr std::uint64_t kVersion1 = std::uint64_t{1} << 32;
    constexpr std::uint64_t kProtocolFeatures = std::uint64_t{1} << 30;
    send(kSetOwner);
    if ((ask(kGetFeatures) & (kVersion1 | kProtocolFeatures)) != (kVersion1 | kProtocolFeatures)) {
      refuse("virtiofsd lacks a required feature");
    }
    ask(kGetProtocolFeatures);
    send(kSetProtocolFeatures, std::uint64_t{0});
    send(kSetFeatures, kVersion1 | kProtocolFeatures);

    struct Region {
      std::uint64_t address, size, user, offset;
    };
    struct {
      std::uint32_t count = 2, padding = 0;
      Region region[2];
    } table;
    const auto region = [&](std::uint64_t begin, std::uint64_t end) {
      return Region{begin, end - begin, reinterpret_cast<std::uint64_t>(memory_.at(begin)),
                    Memory::offset(begin)};
    };
    table.region[0] = region(0, Memory::kLowEnd);
    table.region[1] = region(Memory::kHighBegin, memory_.size());
    const int fds[] = {memory_.fd(), memory_.fd()};
    send(kSetMemoryTable, table, fds, 2);
  }

  void add_queue(const counted_call& call) {
    if (call.index >= queues_.size() || call.length == 0 || call.length > 1024) {
      refuse("a call names a queue that does not exist");
    }
    Queue& queue = queues_[call.index];
    queue.size = call.length;
    queue.descriptors =
        reinterpret_cast<Descriptor*>(memory_.checked(call.address, 16ULL * call.length));
    queue.available =
        reinterpret_cast<std::uint16_t*>(memory_.checked(call.available, 6 + 2ULL * call.length));
    queue.used =
        reinterpret_cast<std::uint16_t*>(memory_.checked(call.used, 6 + 8ULL * call.length));
    queue.kick = eventfd(0, EFD_CLOEXEC);
    queue.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    require(queue.kick >= 0 && queue.call >= 0, "eventfd");

    struct State {
      std::uint32_t index, number;
    };
    struct {
      std::uint32_t index, flags = 0;
      std::uint64_t descriptors, used, available, log = 0;
    } addresses{call.index,
                0,
                reinterpret_cast<std::uint64_t>(queue.descriptors),
                reinterpret_cast<std::uint64_t>(queue.used),
                reinterpret_cast<std::uint64_t>(queue.available),
                0};
    send(kSetQueueSize, State{call.index, call.length});
    send(kSetQueueBase, State{call.index, 0});
    send(kSetQueueAddresses, addresses);
    send(kSetQueueCall, std::uint64_t{call.index}, &queue.call, 1);
    send(kSetQueueKick, std::uint64_t{call.index}, &queue.kick, 1);
    send(kEnableQueue, State{call.index, 1});
  }

  void answer(std::uint32_t index) {
    if (index >= queues_.size() || queues_[index].size == 0) {
      refuse("a call names a queue that does not exist");
    }
    Queue& queue = queues_[index];
    const std::uint16_t end = queue.available[1];
    for (; queue.seen != end; ++queue.seen) {
      expect_writes(queue, queue.available[2 + queue.seen % queue.size]);
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    require(eventfd_write(queue.kick, 1) == 0, "virtiofsd");
    while (queue.used[1] != end) {
      pollfd waits[] = {{queue.call, POLLIN, 0}, {socket_, 0, 0}};
      poll(waits, 2, -1);
      if (waits[1].revents != 0) {
        refuse("virtiofsd is gone");
      }
      eventfd_t count;
      eventfd_read(queue.call, &count);
    }
  }

 private:
  enum Request : std::uint32_t {
    kGetFeatures = 1,
    kSetFeatures = 2,
    kSetOwner = 3,
    kSetMemoryTable = 5,
    kSetQueueSize = 8,
    kSetQueueAddresses = 9,
    kSetQueueBase = 10,
    kSetQueueKick = 12,
    kSetQueueCall = 13,
    kGetProtocolFeatures = 15,
    kSetProtocolFeatures = 16,
    kEnableQueue = 18,
  };

  struct Header {
    std::uint32_t request = 0;
    std::uint32_t flags = 1;  // The protocol's version.
    std::uint32_t size = 0;
  };

  struct Nothing {};

  void expect_writes(const Queue& queue, std::uint32_t index) const {
    for (std::uint32_t count = 0; count < queue.size && index < queue.size; ++count) {
      const Descriptor& descriptor = queue.descriptors[index];
      if ((descriptor.flags & kIsWritten) != 0) {
        memory_.checked(descriptor.address, descriptor.length);
        Memory::forget_code(descriptor.address, descriptor.length);
      }
      if ((descriptor.flags & kHasNext) == 0) {
        return;
      }
      index = descriptor.next;
    }
  }

  template <typename Payload = Nothing>
  void send(Request request, Payload payload = {}, const int* fds = nullptr,
            std::size_t fd_count = 0) {
    Header header{request};
    if constexpr (!std::is_same_v<Payload, Nothing>) {
      header.size = sizeof payload;
    }
    iovec parts[] = {{&header, sizeof header}, {&payload, header.size}};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (fd_count > 0) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
      cmsghdr* first = CMSG_FIRSTHDR(&message);
      first->cmsg_level = SOL_SOCKET;
      first->cmsg_type = SCM_RIGHTS;
      first->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
      std::memcpy(CMSG_DATA(first), fds, fd_count * sizeof(int));
    }
    require(sendmsg(socket_, &message, MSG_NOSIGNAL) ==
                static_cast<ssize_t>(sizeof header + header.size),
            "virtiofsd");
  }

  std::uint64_t ask(Request request) {
    send(request);
    std::uint64_t value = 0;
    Header header;
    iovec parts[] = {{&header, sizeof header}, {&value, sizeof value}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    require(recvmsg(socket_, &message, MSG_WAITALL) == sizeof header + sizeof value, "virtiofsd");
    return value;
  }

  int socket_;
  const Memory& memory_;
  std::array<Queue, 2> queues_;
};

// ---- The device ---------------------------------------------------------------------------------

class Counted : public Device {
 public:
  void init() override {
    // The first timer is the clock's own.
    if (bx_pc_system.timers_[0].object != &bx_pc_system ||
        bx_pc_system.ticks_to_next_event_ > bx_pc_system.ticks_between_events_) {
      refuse("unexpected version of Bochs: clock");
    }
    // Otherwise Bochs would mask address bit 20.
    bx_pc_system.set_enable_a20(true);
    static Memory memory(static_cast<std::uint64_t>(setting("COUNTED_MEMORY")) << 20);
    static Files files(setting("COUNTED_FILES"), memory);
    memory_ = &memory;
    files_ = &files;
    image_ = setting("COUNTED_IMAGE");
    streams_ = {setting("COUNTED_CONTROL"), setting("COUNTED_STDIN"), setting("COUNTED_STDOUT"),
                setting("COUNTED_STDERR")};
    for (const unsigned port : {COUNTED_CALL_PORT, COUNTED_SKIP_PORT, COUNTED_LOAD_PORT}) {
      pluginRegisterIOWriteHandler(this, &Counted::write, port, "counted", kFourBytes);
    }
  }

 private:
  static void write(void* object, std::uint32_t port, std::uint32_t value, unsigned) {
    auto& self = *static_cast<Counted*>(object);
    switch (port) {
      case COUNTED_CALL_PORT: {
        auto& call =
            *reinterpret_cast<counted_call*>(self.memory_->checked(value, sizeof(counted_call)));
        call.result = self.answer(call);
        break;
      }
      case COUNTED_SKIP_PORT:
        bx_pc_system.ticks_to_next_event_ = 0;
        bx_pc_system.countdownEvent();
        break;
      case COUNTED_LOAD_PORT:
        self.load();
        break;
    }
  }

  std::int64_t answer(const counted_call& call) {
    switch (call.operation) {
      case COUNTED_QUEUE:
        files_->add_queue(call);
        return 0;
      case COUNTED_NOTIFY:
        files_->answer(call.index);
        return 0;
      case COUNTED_WRITE:
        return put(stream(call), memory_->checked(call.address, call.length), call.length);
      case COUNTED_READ:
        return get(stream(call), call);
      case COUNTED_POLL:
        return inputs();
    }
    return -ENOSYS;
  }

  int stream(const counted_call& call) const {
    if (call.index >= streams_.size()) {
      refuse("a call names a stream that does not exist");
    }
    return streams_[call.index];
  }

  // Waits outside counted time until all is written.
  static std::int64_t put(int stream, const std::uint8_t* data, std::uint32_t length) {
    std::uint32_t done = 0;
    while (done < length) {
      const ssize_t part = ::send(stream, data + done, length - done, MSG_NOSIGNAL);
      if (part >= 0) {
        done += static_cast<std::uint32_t>(part);
      } else if (errno != EINTR) {
        return -errno;
      }
    }
    return length;
  }

  std::int64_t get(int stream, const counted_call& call) {
    static std::uint8_t bytes[65536];
    ssize_t part;
    do {
      part = recv(stream, bytes, std::min<std::size_t>(call.length, sizeof bytes),
                  call.wait ? 0 : MSG_DONTWAIT);
    } while (part < 0 && errno == EINTR);
    if (part <= 0) {
      return part < 0 && errno != EAGAIN ? -errno : 0;
    }
    memory_->checked(call.address, static_cast<std::uint64_t>(part));
    Memory::write(call.address, bytes, static_cast<std::uint64_t>(part));
    return part;
  }

  std::int64_t inputs() const {
    pollfd waits[4];
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      waits[i] = {streams_[i], POLLIN, 0};
    }
    poll(waits, streams_.size(), 0);
    std::int64_t ready = 0;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      ready |= static_cast<std::int64_t>((waits[i].revents & POLLIN) != 0) << i;
    }
    return ready;
  }

  // The boot image: pieces of memory, each after its address and length.
  void load() const {
    std::uint64_t head[2];
    off_t position = 0;
    while (pread(image_, head, sizeof head, position) == sizeof head) {
      position += sizeof head;
      const auto [address, length] = std::pair(head[0], head[1]);
      if (address >= Memory::kLowEnd) {
        memory_->checked(address, length);
      }
      for (std::uint64_t done = 0; done < length;) {
        const ssize_t part = pread(image_, memory_->at(address) + done, length - done, position);
        require(part > 0, "boot image");
        done += static_cast<std::uint64_t>(part);
        position += part;
      }
    }
  }

  Memory* memory_ = nullptr;
  Files* files_ = nullptr;
  int image_ = -1;
  std::array<int, 4> streams_{};
};

}  // namespace

extern "C" int libcounted_plugin_entry(void* plugin, std::uint16_t type, std::uint8_t mode) {
  if (mode == kProbe) {
    return kOptional;
  }
  if (mode == kStart) {
    static Counted device;
    pluginRegisterDeviceDevmodel(plugin, type, &device, "counted");
  }
  return 0;
}
