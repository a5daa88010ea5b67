// SPDX-License-Identifier: Apache-2.0

// The costs of a host's elementary operations: faults, copies, wakes, system calls, exits, reads.
// The figures of two machines, side by side, tell how a time on one converts to the other, above
// all in a lab, whose clock is an emulator's (docs/guide/lab.md).

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <semaphore>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <faasnap/host.h>

#include "harness/conditions.h"
#include "harness/process.h"
#include "harness/program.h"
#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kPage = 4096;
// The kernel maps this many pages of a file around the one that is read.
constexpr std::size_t kFaultAround = 16;

struct Options {
  unsigned rounds = 21;
  std::filesystem::path data;
  std::filesystem::path images;
  std::string only;
  bool json = false;
};

// Thrown with the reason if this host lacks what an operation needs.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int checked(int result, const char* what) {
  if (result < 0) {
    fail(what);
  }
  return result;
}

// ---- rounds -------------------------------------------------------------------------------

// Nanoseconds per operation, in each round.
using Samples = std::vector<double>;

// Runs rounds of `operations`, and one more before them that does not count. Passes the result of
// `prepare` to `run`, which alone is timed, and destroys it afterwards.
template <typename Prepare, typename Run>
Samples sample(unsigned rounds, std::size_t operations, Prepare prepare, Run run) {
  Samples samples;
  for (unsigned round = 0; round <= rounds; ++round) {
    auto prepared = prepare();
    const auto begin = std::chrono::steady_clock::now();
    run(prepared);
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    if (round != 0) {
      samples.push_back(spent.count() / static_cast<double>(operations));
    }
  }
  return samples;
}

template <typename Run>
Samples sample(unsigned rounds, std::size_t operations, Run run) {
  return sample(
      rounds, operations, [] { return 0; }, [&](int) { run(); });
}

// ---- memory -------------------------------------------------------------------------------

// Private memory, of a file or anonymous, in small pages.
class Mapping {
 public:
  explicit Mapping(std::size_t size, int fd = -1, int flags = 0) : size_(size) {
    void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (data == MAP_FAILED) {
      fail("mmap");
    }
    data_ = static_cast<char*>(data);
    // A kernel without huge pages refuses, which is fine.
    ::madvise(data_, size_, MADV_NOHUGEPAGE);
  }
  ~Mapping() { ::munmap(data_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* page(std::size_t index) const { return data_ + index * kPage; }

 private:
  char* data_ = nullptr;
  std::size_t size_;
};

char read_byte(const char* at) { return *static_cast<const volatile char*>(at); }
void write_byte(char* at) { *static_cast<volatile char*>(at) = 1; }

Samples anonymous_fault(const Options& options) {
  constexpr std::size_t kPages = 256;
  return sample(
      options.rounds, kPages, [] { return std::make_unique<Mapping>(kPages * kPage); },
      [](const auto& mapping) {
        for (std::size_t page = 0; page < kPages; ++page) {
          write_byte(mapping->page(page));
        }
      });
}

// Returns a file without a name that has non-zero bytes.
tools::Descriptor scratch_file(const std::filesystem::path& directory, std::size_t size,
                               int flags) {
  tools::Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600));
  if (file.get() < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == EISDIR)) {
    throw Unavailable(fmt::format("{}: its file system has no {}", directory.string(),
                                  (flags & O_DIRECT) != 0 ? "O_DIRECT" : "O_TMPFILE"));
  }
  checked(file.get(), directory.c_str());
  constexpr std::size_t kChunk = 1 << 20;
  const Mapping content(kChunk);
  std::memset(content.page(0), 0x5a, kChunk);
  for (std::size_t offset = 0; offset < size; offset += kChunk) {
    if (::pwrite(file.get(), content.page(0), kChunk, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(kChunk)) {
      fail("write to " + directory.string());
    }
  }
  checked(::fsync(file.get()), "fsync");
  return file;
}

// Touches every `stride`-th page of a cached file for the first time.
template <typename Touch>
Samples file_fault(const Options& options, std::size_t stride, Touch touch) {
  constexpr std::size_t kFaults = 256;
  const std::size_t size = kFaults * stride * kPage;
  const tools::Descriptor file = scratch_file(options.data, size, 0);
  return sample(
      options.rounds, kFaults, [&] { return std::make_unique<Mapping>(size, file.get()); },
      [&](const auto& mapping) {
        for (std::size_t fault = 0; fault < kFaults; ++fault) {
          touch(mapping->page(fault * stride));
        }
      });
}

Samples file_read_fault(const Options& options) {
  return file_fault(options, kFaultAround, read_byte);
}

Samples file_write_fault(const Options& options) { return file_fault(options, 1, write_byte); }

// Visits the pages of two buffers of `pages` pages in an order that no prefetcher predicts. Each
// round continues where the last one stopped.
template <typename Work>
Samples page_work(const Options& options, std::size_t pages, Work work) {
  constexpr std::size_t kVisits = 1024;
  // a prime: visits all pages if their number is a power of two
  constexpr std::size_t kStep = 4099;
  const Mapping from(pages * kPage);
  const Mapping to(pages * kPage);
  std::memset(from.page(0), 1, pages * kPage);
  std::memset(to.page(0), 1, pages * kPage);
  std::size_t page = 0;
  return sample(options.rounds, kVisits, [&] {
    for (std::size_t visit = 0; visit < kVisits; ++visit) {
      work(to.page(page), from.page(page));
      page = (page + kStep) % pages;
    }
  });
}

constexpr std::size_t kHotPages = 1;
// 32 MiB, and as much again if there are two buffers.
constexpr std::size_t kColdPages = 8192;

void copy_page(char* to, const char* from) {
  std::memcpy(to, from, kPage);
  // Keeps the compiler from removing the copy, which nothing reads.
  asm volatile("" : : "r"(to) : "memory");
}

void zero_page(char* to, const char*) {
  std::memset(to, 0, kPage);
  asm volatile("" : : "r"(to) : "memory");
}

Samples map_and_unmap(const Options& options) {
  constexpr std::size_t kTurns = 512;
  return sample(options.rounds, kTurns, [] {
    for (std::size_t turn = 0; turn < kTurns; ++turn) {
      void* const data =
          ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (data == MAP_FAILED || ::munmap(data, kPage) != 0) {
        fail("mmap");
      }
    }
  });
}

Samples system_call(const Options& options) {
  constexpr std::size_t kCalls = 4096;
  return sample(options.rounds, kCalls, [] {
    for (std::size_t call = 0; call < kCalls; ++call) {
      ::syscall(SYS_getppid);
    }
  });
}

// ---- two threads --------------------------------------------------------------------------

enum class Partner { same_cpu, other_cpu };

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  checked(::sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

// Binds the calling thread.
void bind_to(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    CPU_SET(cpu, &set);
  }
  checked(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

// Binds the calling thread to a CPU and chooses that of its partner.
class Pair {
 public:
  explicit Pair(Partner partner) : cpus_(allowed_cpus()) {
    if (partner == Partner::other_cpu && cpus_.size() < 2) {
      throw Unavailable("there is only one CPU");
    }
    partner_ = cpus_[partner == Partner::other_cpu ? 1 : 0];
    bind_to({cpus_[0]});
  }
  ~Pair() { bind_to(cpus_); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Starts `work` on the partner's CPU. Returns when it has begun.
  template <typename Work>
  std::jthread start(Work work) const {
    std::binary_semaphore begun(0);
    std::jthread thread([&begun, work, cpu = partner_] {
      bind_to({cpu});
      begun.release();
      work();
    });
    begun.acquire();
    return thread;
  }

 private:
  std::vector<int> cpus_;
  int partner_ = 0;
};

std::uint64_t wait_for(const tools::Descriptor& event) {
  std::uint64_t count = 0;
  checked(static_cast<int>(::read(event.get(), &count, sizeof count)), "read of an eventfd");
  return count;
}

void signal(const tools::Descriptor& event) {
  const std::uint64_t one = 1;
  checked(static_cast<int>(::write(event.get(), &one, sizeof one)), "write to an eventfd");
}

// Two threads wake each other in turn.
Samples wake(const Options& options, Partner partner) {
  constexpr std::size_t kTurns = 128;
  const Pair pair(partner);
  const tools::Descriptor ping(checked(::eventfd(0, EFD_CLOEXEC), "eventfd"));
  const tools::Descriptor pong(checked(::eventfd(0, EFD_CLOEXEC), "eventfd"));
  return sample(
      options.rounds, 2 * kTurns,
      [&] {
        return pair.start([&] {
          for (std::size_t turn = 0; turn < kTurns; ++turn) {
            wait_for(ping);
            signal(pong);
          }
        });
      },
      [&](const auto&) {
        for (std::size_t turn = 0; turn < kTurns; ++turn) {
          signal(ping);
          wait_for(pong);
        }
      });
}

// Answers faults on `memory` until it is unregistered.
void answer_faults(const tools::Descriptor& faults, const char* content, std::size_t count) {
  for (std::size_t fault = 0; fault < count; ++fault) {
    uffd_msg message{};
    checked(static_cast<int>(::read(faults.get(), &message, sizeof message)),
            "read of a userfaultfd");
    uffdio_copy copy{};
    copy.dst = message.arg.pagefault.address & ~(kPage - 1);
    copy.src = reinterpret_cast<std::uint64_t>(content);
    copy.len = kPage;
    checked(::ioctl(faults.get(), UFFDIO_COPY, &copy), "UFFDIO_COPY");
  }
}

// Measures from a first touch, through a thread that copies a page in, to the instruction after the
// touch.
Samples userfault(const Options& options, Partner partner) {
  constexpr std::size_t kPages = 128;
  const Pair pair(partner);
  const tools::Descriptor faults(
      static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
  if (faults.get() < 0) {
    throw Unavailable(std::string("userfaultfd: ") + std::strerror(errno));
  }
  uffdio_api api{};
  api.api = UFFD_API;
  checked(::ioctl(faults.get(), UFFDIO_API, &api), "UFFDIO_API");
  const Mapping content(kPage);
  std::memset(content.page(0), 1, kPage);

  struct Prepared {
    explicit Prepared(int faults) : memory(kPages * kPage) {
      uffdio_register range{};
      range.range = {reinterpret_cast<std::uint64_t>(memory.page(0)), kPages * kPage};
      range.mode = UFFDIO_REGISTER_MODE_MISSING;
      checked(::ioctl(faults, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
    }
    Mapping memory;
    std::jthread handler;
  };
  return sample(
      options.rounds, kPages,
      [&] {
        auto prepared = std::make_unique<Prepared>(faults.get());
        prepared->handler = pair.start([&] { answer_faults(faults, content.page(0), kPages); });
        return prepared;
      },
      [](const auto& prepared) {
        for (std::size_t page = 0; page < kPages; ++page) {
          read_byte(prepared->memory.page(page));
        }
      });
}

// ---- a guest ------------------------------------------------------------------------------

// Number of exits that Guest::kInKernel causes before it leaves KVM, too.
constexpr std::size_t kInnerExits = 256;

// A virtual CPU in 32-bit protected mode without paging, and a page of code for it.
class Guest {
 public:
  using Code = std::array<unsigned char, 16>;

  static constexpr Code kToProgram = {
      0xe6, 0x80,  // again: out 0x80, al
      0xeb, 0xfc,  //        jmp again
  };
  static constexpr Code kInKernel = {
      0xbe, 0x00, 0x01, 0x00, 0x00,  // again: mov esi, 256
      0x31, 0xc0,                    // inner: xor eax, eax
      0x0f, 0xa2,                    //        cpuid, which both Intel's and AMD's KVM emulate
      0x4e,                          //        dec esi
      0x75, 0xf9,                    //        jnz inner
      0xe6, 0x80,                    //        out 0x80, al
      0xeb, 0xf0,                    //        jmp again
  };

  explicit Guest(const Code& code)
      : system_(tools::open_file("/dev/kvm", O_RDWR)),
        vm_(checked(::ioctl(system_.get(), KVM_CREATE_VM, 0), "KVM_CREATE_VM")),
        memory_(kPage) {
    std::memcpy(memory_.page(0), code.data(), code.size());
    // Address of four pages that KVM needs on Intel processors.
    checked(::ioctl(vm_.get(), KVM_SET_TSS_ADDR, 0xfffbd000UL), "KVM_SET_TSS_ADDR");
    kvm_userspace_memory_region region{};
    region.guest_phys_addr = kCodeAddress;
    region.memory_size = kPage;
    region.userspace_addr = reinterpret_cast<std::uint64_t>(memory_.page(0));
    checked(::ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    vcpu_ = tools::Descriptor(checked(::ioctl(vm_.get(), KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU"));
    run_size_ = static_cast<std::size_t>(
        checked(::ioctl(system_.get(), KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE"));
    void* const run =
        ::mmap(nullptr, run_size_, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_.get(), 0);
    if (run == MAP_FAILED) {
      fail("mmap of a virtual CPU");
    }
    run_ = static_cast<kvm_run*>(run);
    set_registers();
  }
  ~Guest() {
    if (run_ != nullptr) {
      ::munmap(run_, run_size_);
    }
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Runs the guest until its next `out`.
  void run() const {
    int result;
    do {
      result = ::ioctl(vcpu_.get(), KVM_RUN, 0);
    } while (result < 0 && errno == EINTR);
    checked(result, "KVM_RUN");
    if (run_->exit_reason != KVM_EXIT_IO) {
      throw std::runtime_error(
          fmt::format("the guest ended with KVM's exit reason {}", run_->exit_reason));
    }
  }

 private:
  static constexpr std::uint64_t kCodeAddress = 0x1000;

  void set_registers() const {
    kvm_sregs special{};
    checked(::ioctl(vcpu_.get(), KVM_GET_SREGS, &special), "KVM_GET_SREGS");
    kvm_segment data{};
    data.limit = 0xffffffff;
    data.selector = 0x10;
    data.type = 3;
    data.present = data.db = data.s = data.g = 1;
    kvm_segment code = data;
    code.selector = 0x08;
    code.type = 11;
    special.ds = special.es = special.fs = special.gs = special.ss = data;
    special.cs = code;
    special.cr0 |= 1;
    checked(::ioctl(vcpu_.get(), KVM_SET_SREGS, &special), "KVM_SET_SREGS");
    kvm_regs general{};
    general.rip = kCodeAddress;
    general.rflags = 2;
    checked(::ioctl(vcpu_.get(), KVM_SET_REGS, &general), "KVM_SET_REGS");
  }

  tools::Descriptor system_;
  tools::Descriptor vm_;
  Mapping memory_;
  tools::Descriptor vcpu_;
  kvm_run* run_ = nullptr;
  std::size_t run_size_ = 0;
};

Samples guest_exit(const Options& options, const Guest::Code& code, std::size_t exits_per_run) {
  constexpr std::size_t kExits = 512;
  static const bool usable = inspect_kvm().runs_vms_at_speed;
  if (!usable) {
    throw Unavailable("/dev/kvm does not run VMs at speed");
  }
  const Guest guest(code);
  return sample(options.rounds, kExits, [&] {
    for (std::size_t exit = 0; exit < kExits; exit += exits_per_run) {
      guest.run();
    }
  });
}

// ---- the disk -----------------------------------------------------------------------------

// Reads past the page cache, `together` reads at a time, in an order that no read-ahead predicts.
class Reader {
 public:
  Reader(const std::filesystem::path& directory, std::size_t size, unsigned together)
      : size_(size),
        together_(together),
        file_(scratch_file(directory, kFileSize, O_DIRECT)),
        buffers_(size * together) {
    // Touched here, because a fault is not part of a read.
    std::memset(buffers_.page(0), 1, size * together);
    if (const int error = ::io_uring_queue_init(together, &ring_, 0); error != 0) {
      throw Unavailable(std::string("io_uring: ") + std::strerror(-error));
    }
  }
  ~Reader() { ::io_uring_queue_exit(&ring_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void read() {
    for (unsigned number = 0; number < together_; ++number) {
      io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_read(entry, file_.get(), buffers_.page(0) + number * size_,
                           static_cast<unsigned>(size_), next_ * size_);
      next_ = (next_ + 37) % (kFileSize / size_);
    }
    if (const int count = ::io_uring_submit_and_wait(&ring_, together_); count < 0) {
      errno = -count;
      fail("io_uring");
    }
    for (unsigned number = 0; number < together_; ++number) {
      io_uring_cqe* completion = nullptr;
      ::io_uring_wait_cqe(&ring_, &completion);
      if (completion->res != static_cast<int>(size_)) {
        errno = completion->res < 0 ? -completion->res : EIO;
        fail("read by io_uring");
      }
      ::io_uring_cqe_seen(&ring_, completion);
    }
  }

 private:
  static constexpr std::size_t kFileSize = 64 << 20;

  std::size_t size_;
  unsigned together_;
  tools::Descriptor file_;
  Mapping buffers_;
  io_uring ring_{};
  std::size_t next_ = 0;
};

Samples disk_read(const Options& options, std::size_t size, unsigned together) {
  Reader reader(options.data, size, together);
  const std::size_t reads = std::max(16U, together);
  return sample(options.rounds, reads, [&] {
    for (std::size_t done = 0; done < reads; done += together) {
      reader.read();
    }
  });
}

// ---- a function ---------------------------------------------------------------------------

// The warm handler of the function json with its changed input: the script's median, with the
// image's own Python and an empty environment.
Samples json_handler(const Options& options) {
  const std::filesystem::path source = FAASNAP_SOURCE_DIR;
  const std::filesystem::path script = source / "bench/traces/time_functions.py";
  for (const auto& needed : {script, options.images / "tree", options.images / "inputs"}) {
    if (!std::filesystem::exists(needed)) {
      throw Unavailable(needed.string() + " is missing");
    }
  }
  std::string log = (std::filesystem::temp_directory_path() / "primitives-XXXXXX").string();
  const tools::Descriptor file(checked(::mkstemp(log.data()), log.c_str()));
  const auto remove = [&](void*) { ::unlink(log.c_str()); };
  const std::unique_ptr<void, decltype(remove)> removal(&log, remove);
  Process child({"env", "-i", source / "rootfs/python", options.images / "tree", script,
                 options.images / "inputs", "json"},
                {.log = log});
  child.wait();
  std::ifstream lines(log);
  for (std::string name, which; lines >> name >> which;) {
    double ns = 0;
    lines >> ns;
    if (name == "json" && which == "second" && lines) {
      return {ns};
    }
  }
  throw std::runtime_error(script.string() + " printed no time of json");
}

// ---- all of them --------------------------------------------------------------------------

struct Primitive {
  const char* name;
  std::function<Samples(const Options&)> measure;
};

const std::vector<Primitive>& primitives() {
  const auto with = [](auto function, auto... arguments) {
    return [=](const Options& options) { return function(options, arguments...); };
  };
  const auto copy = [](std::size_t pages) {
    return [=](const Options& options) { return page_work(options, pages, copy_page); };
  };
  const auto zero = [](std::size_t pages) {
    return [=](const Options& options) { return page_work(options, pages, zero_page); };
  };
  static const std::vector<Primitive> all = {
      {"system call (getppid)", system_call},
      {"mmap and munmap of a page", map_and_unmap},
      {"copy of a page, in cache", copy(kHotPages)},
      {"copy of a page, in 64 MiB", copy(kColdPages)},
      {"zeroing a page, in cache", zero(kHotPages)},
      {"zeroing a page, in 32 MiB", zero(kColdPages)},
      {"fault, anonymous page", anonymous_fault},
      {"fault, read of a cached file (maps 16 pages)", file_read_fault},
      {"fault, write to a cached file (copies)", file_write_fault},
      {"userfaultfd turn, handler on same CPU", with(userfault, Partner::same_cpu)},
      {"userfaultfd turn, handler on another CPU", with(userfault, Partner::other_cpu)},
      {"wake by eventfd, same CPU", with(wake, Partner::same_cpu)},
      {"wake by eventfd, another CPU", with(wake, Partner::other_cpu)},
      {"KVM exit, in the kernel (cpuid)", with(guest_exit, Guest::kInKernel, kInnerExits)},
      {"KVM exit, to the program (out)", with(guest_exit, Guest::kToProgram, 1)},
      {"read of 4 KiB by io_uring", with(disk_read, kPage, 1)},
      {"read of 128 KiB by io_uring", with(disk_read, 128 << 10, 1)},
      {"read of 128 KiB, 32 under way", with(disk_read, 128 << 10, 32)},
      {"handler of the function json, 151 kB", json_handler},
  };
  return all;
}

json measure(const Primitive& primitive, const Options& options) {
  json record{{"name", primitive.name}};
  try {
    const Samples samples = primitive.measure(options);
    record["median_ns"] = median(samples);
    record["p10_ns"] = quantile(samples, 0.1);
    record["p90_ns"] = quantile(samples, 0.9);
    record["rounds"] = samples.size();
  } catch (const Unavailable& reason) {
    record["unavailable"] = reason.what();
  }
  return record;
}

void print_row(const json& record) {
  const auto name = record.at("name").get<std::string>();
  if (record.contains("unavailable")) {
    fmt::print("{:46} not measured: {}\n", name, record.at("unavailable").get<std::string>());
  } else {
    fmt::print("{:46} {:12.1f} {:12.1f} {:12.1f}\n", name, record.at("median_ns").get<double>(),
               record.at("p10_ns").get<double>(), record.at("p90_ns").get<double>());
  }
  std::fflush(stdout);
}

std::vector<Primitive> chosen(const std::string& only) {
  std::vector<Primitive> found;
  for (const Primitive& primitive : primitives()) {
    if (std::string_view(primitive.name).find(only) != std::string_view::npos) {
      found.push_back(primitive);
    }
  }
  if (found.empty()) {
    throw UsageError("--only " + only + ": no operation's name contains this");
  }
  return found;
}

int measure_all(const Options& options) {
  const std::vector<Primitive> todo = chosen(options.only);
  const json conditions_of_run = conditions(options.data);
  if (!options.json) {
    fmt::print("{}\n\nns an operation, {} rounds\n{:46} {:>12} {:>12} {:>12}\n",
               describe(conditions_of_run), options.rounds, "", "median", "p10", "p90");
  }
  json records = json::array();
  for (const Primitive& primitive : todo) {
    show_progress(primitive.name);
    records.push_back(measure(primitive, options));
    show_progress("");
    if (!options.json) {
      print_row(records.back());
    }
  }
  if (options.json) {
    fmt::print("{}\n", json{{"conditions", conditions_of_run}, {"primitives", records}}.dump());
  }
  return 0;
}

CommandLine command_line() {
  CommandLine line({.name = "bench_primitives",
                    .text = "Times a host's elementary operations: faults, copies, wakes, system "
                            "calls, KVM exits, reads.",
                    .example = "bench_primitives --data . --rounds 5"});
  line.option("rounds", "N", "rounds of each operation; a round has 16 to 4096 operations", "21");
  line.option("data", "DIR", "directory for temporary files, on the disk to measure",
              data_directory());
  line.option("images", "DIR", "directory of the guest image, made by ./dev images",
              images_directory());
  line.option("only", "TEXT", "only operations whose names contain this");
  line.flag("json", "print one JSON object instead of a table");
  return line;
}

int run(const CommandLine& line) {
  constexpr std::uint64_t kMostRounds = 1'000'000;
  const Options options{.rounds = static_cast<unsigned>(line.number("rounds", 1, kMostRounds)),
                        .data = line.text("data"),
                        .images = line.text("images"),
                        .only = line.optional_text("only").value_or(""),
                        .json = line.has("json")};
  if (!std::filesystem::is_directory(options.data)) {
    throw UsageError(fmt::format("--data {}: not a directory", options.data.string()));
  }
  return measure_all(options);
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
