#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <faasnap/guest_stream.h>
#include <faasnap/object_store.h>

#include "base/fd.h"

namespace faasnap::store {

// An object of a store, opened: its content stays the same whatever happens to the key.
class ObjectFile {
 public:
  // Nothing when there is no such object.
  static std::optional<ObjectFile> open(const ObjectStore& store, std::string_view key);

  Bytes size() const noexcept { return size_; }
  std::string read() const;
  // The same piece by piece.
  void read(const ValueSink& sink) const;
  // Sends the content to the socket without bringing it into this process. `stall`: how long the
  // other end may take nothing. The calling thread must have SIGPIPE blocked: sendfile(2) has no
  // way to suppress it.
  void send(GuestStream& stream, Nanoseconds stall) const;

 private:
  ObjectFile(base::UniqueFd fd, std::filesystem::path path, Bytes size);

  base::UniqueFd fd_;
  std::filesystem::path path_;
  Bytes size_;
};

}  // namespace faasnap::store
