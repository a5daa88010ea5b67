// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/read_queue.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "paging/reads/direct_file.h"

namespace faasnap::paging {
namespace {

// Of a read into the page cache nobody looks at the bytes, so that every part of every read may
// land in the same few pages, which stay in the processor's cache.
constexpr Bytes kScratchSize{64ULL << 10};

}  // namespace

ReadQueue::ReadQueue(unsigned slots, Bytes buffer)
    : buffers_(buffer.value == 0 ? IoBuffers() : IoBuffers(buffer, slots)),
      requests_(slots),
      ring_(uring::Ring::make(std::max(slots, 1U))) {
  io_uring_ = !ring_->of_threads();
}

std::optional<unsigned> ReadQueue::free_slot() const noexcept {
  const auto free = std::ranges::find(requests_, false, &Request::busy);
  if (free == requests_.end()) {
    return std::nullopt;
  }
  return static_cast<unsigned>(free - requests_.begin());
}

void ReadQueue::read(unsigned slot, const FileRef& file, Bytes offset, Bytes length) {
  Request& request = start(slot, file, offset, length);
  request.target = buffers_[slot].first(length.value);
  queue(slot);
}

void ReadQueue::read_into_page_cache(unsigned slot, const FileRef& file, Bytes offset, Bytes length,
                                     std::span<std::byte> mapped) {
  Request& request = start(slot, file, offset, length);
  request.populated = mapped;
  queue(slot);
}

ReadQueue::Request& ReadQueue::start(unsigned slot, const FileRef& file, Bytes offset,
                                     Bytes length) {
  Request& request = requests_[slot];
  request.busy = true;
  request.file = file;
  request.offset = offset;
  request.length = length;
  request.done = {};
  request.target = {};
  request.populated = {};
  return request;
}

// There is room: the ring holds as many requests as there are slots.
void ReadQueue::queue(unsigned slot) {
  if (!prepare(slot)) {
    base::fail(ErrorKind::internal, "read", requests_[slot].file.path, "the ring is full");
  }
}

bool ReadQueue::prepare(unsigned slot) {
  Request& request = requests_[slot];
  if (!request.populated.empty()) {
    return ring_->prepare_populate(request.populated, slot);
  }
  const std::uint64_t offset = (request.offset + request.done).value;
  if (!request.target.empty()) {
    return ring_->prepare_read(*request.file.fd, request.target.subspan(request.done.value), offset,
                               slot);
  }
  if (!scratch_) {
    scratch_ = base::Mapping::anonymous(kScratchSize);
  }
  request.scratch.clear();
  for (Bytes rest = request.length - request.done; rest.value != 0;) {
    const Bytes part = std::min(rest, scratch_.size());
    request.scratch.push_back({scratch_.data(), part.value});
    rest = rest - part;
  }
  return ring_->prepare_readv(*request.file.fd, request.scratch, offset, slot);
}

bool ReadQueue::advance(Request& request, std::int32_t result) {
  if (!request.populated.empty()) {
    if (result != -EINTR && result != -EAGAIN) {
      request.populated = {};  // if it failed, a read tells why
    }
    return result == 0;
  }
  request.done += check_read(result, request.file, request.offset + request.length);
  return request.done == request.length;
}

}  // namespace faasnap::paging
