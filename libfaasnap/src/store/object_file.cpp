#include "store/object_file.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/sendfile.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "store/object_path.h"

namespace faasnap::store {
namespace {

// Bytes per sendfile, so that a blocking socket, too, is polled now and then.
constexpr std::uint64_t kSend = 1 << 20;

void wait_until_writable(int socket, Nanoseconds stall) {
  pollfd entry{socket, POLLOUT, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(stall).count();
  const int ready =
      base::retry_eintr([&] { return ::poll(&entry, 1, static_cast<int>(patience)); });
  if (ready < 0) {
    base::fail_errno("send object");
  }
  if (ready == 0) {
    base::fail(ErrorKind::timeout, "send object", {}, "the guest does not read");
  }
}

}  // namespace

ObjectFile::ObjectFile(base::UniqueFd fd, std::filesystem::path path, Bytes size)
    : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

std::optional<ObjectFile> ObjectFile::open(const ObjectStore& store, std::string_view key) {
  auto path = store.directory() / object_path(key);
  try {
    base::UniqueFd fd = base::open_regular(path);
    const Bytes size = base::file_size(fd, path);
    if (size > ObjectStore::kMaximumValue) {
      base::fail(ErrorKind::corrupt, "open object", path,
                 fmt::format("file has {} bytes, expected at most {}", size.value,
                             ObjectStore::kMaximumValue.value));
    }
    return ObjectFile(std::move(fd), std::move(path), size);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) {
      return std::nullopt;
    }
    throw;
  }
}

std::string ObjectFile::read() const {
  std::string content(size_.value, '\0');
  base::read_exact(fd_, std::as_writable_bytes(std::span(content)), 0, path_);
  return content;
}

void ObjectFile::read(const ValueSink& sink) const {
  std::vector<std::byte> buffer(std::min(size_.value, kSend));
  for (Bytes done; done < size_;) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), (size_ - done).value));
    base::read_exact(fd_, piece, done.value, path_);
    sink(piece, size_);
    done += Bytes{piece.size()};
  }
}

void ObjectFile::send(GuestStream& stream, Nanoseconds stall) const {
  off_t sent = 0;
  const auto end = static_cast<off_t>(size_.value);
  while (sent < end) {
    wait_until_writable(stream.descriptor(), stall);
    const std::size_t piece =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(end - sent), kSend);
    const ssize_t put =
        base::retry_eintr([&] { return ::sendfile(stream.descriptor(), fd_.get(), &sent, piece); });
    if (put < 0 && errno != EAGAIN) {
      base::fail(ErrorKind::guest, "send object", path_, std::strerror(errno));
    }
    if (put == 0) {
      base::fail(ErrorKind::guest, "send object", path_, "the file has shrunk meanwhile");
    }
  }
}

}  // namespace faasnap::store
