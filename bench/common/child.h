#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace faasnap::bench {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// Close-on-exec. Throws std::system_error with the path.
Descriptor open_file(const std::filesystem::path& path, int flags);

// A program that runs beside this one; ended by the destructor, at the latest.
class Child {
 public:
  // What the child inherits besides its output: `from` becomes descriptor `as` in it. The two
  // numbers differ.
  struct Inherited {
    int from;
    int as;
  };

  // Looks argv[0] up in PATH. Standard output and error go to `log`, which is overwritten.
  Child(const std::vector<std::string>& argv, const std::filesystem::path& log,
        const std::vector<Inherited>& inherited = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits for its end; throws std::runtime_error with the end of the log unless the status is 0.
  void wait();
  // Whether it has ended already.
  bool ended();

 private:
  std::string name_;
  std::filesystem::path log_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace faasnap::bench
