// SPDX-License-Identifier: Apache-2.0

#include "format/memory_image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "format/frame.h"
#include "format/limits.h"
#include "memory/page_copier.h"
#include "memory/page_scan.h"
#include "memory/page_set.h"

namespace faasnap::format {
namespace {

constexpr const char* kWritingImage = "write memory image";
constexpr const char* kVerifyingImage = "verify memory image";
// Maximum number of chunks that verification reads ahead: the data between holes are in many small
// pieces, which a device reads faster together than one after the other.
constexpr std::uint64_t kReadAheadChunks = 32;

std::uint64_t chunk_of(PageIndex page) { return page.value / kChunkPages; }

PageIndex chunk_end(PageIndex page) { return {(chunk_of(page) + 1) * kChunkPages}; }

Bytes total_size(std::span<const PageRange> ranges) {
  Bytes total;
  for (const PageRange& range : ranges) {
    total += range.size();
  }
  return total;
}

void check_candidates(std::span<const PageRange> candidates, Bytes size) {
  PageIndex previous_end;
  const PageIndex end{size.pages()};
  for (const PageRange& range : candidates) {
    if (range.first < previous_end || range.first > end || range.count > end - range.first) {
      base::fail(
          ErrorKind::invalid_argument, kWritingImage, {},
          fmt::format("candidates (page {}, {} pages) are out of order or beyond the {} pages of "
                      "memory",
                      range.first.value, range.count, end.value));
    }
    previous_end = range.end();
  }
}

class ImageWriter {
 public:
  ImageWriter(const base::UniqueFd& fd, const std::filesystem::path& path, Bytes size,
              const ReadPages& read)
      : fd_(fd), path_(path), read_(read) {
    table_.memory = size;
    table_.chunk_checksums.resize((table_.memory.pages() + kChunkPages - 1) / kChunkPages);
  }

  // Writes the runs of non-zero pages in `piece`, which must lie in one chunk.
  void write(PageRange piece) {
    const auto content = read_(piece);
    const auto bytes_of = [&](PageRange range) {
      return content.subspan((range.first - piece.first) * kPageSize, range.size().value);
    };
    PageIndex page = piece.first;
    while (page < piece.end()) {
      if (memory::is_zero(bytes_of({page, 1}))) {
        page = page + 1;
        continue;
      }
      const PageIndex first = page;
      do {
        page = page + 1;
      } while (page < piece.end() && !memory::is_zero(bytes_of({page, 1})));
      const PageRange run{first, page - first};
      write_run(run, bytes_of(run));
    }
  }

  ImageTable take() { return std::move(table_); }

 private:
  void write_run(PageRange run, std::span<const std::byte> bytes) {
    std::uint32_t& checksum = table_.chunk_checksums[chunk_of(run.first)];
    checksum = base::crc32c(bytes, checksum);
    base::write_exact(fd_, bytes, run.first.offset().value, path_);
    if (!table_.stored.empty() && table_.stored.back().end() == run.first) {
      table_.stored.back().count += run.count;
    } else {
      table_.stored.push_back(run);
    }
  }

  const base::UniqueFd& fd_;
  const std::filesystem::path& path_;
  const ReadPages& read_;
  ImageTable table_;
};

// Walks an image chunk by chunk and compares it with its table.
class ImageVerifier {
 public:
  ImageVerifier(const base::UniqueFd& fd, const std::filesystem::path& path,
                const ImageTable& table, const base::TakeBytes& take)
      : fd_(fd), path_(path), table_(table), take_(take), buffer_(kChunkPages * kPageSize) {}

  // Chunks must come in order.
  void check(std::uint64_t chunk) {
    for (const std::uint64_t end = chunk + kReadAheadChunks; read_ahead_ < end; ++read_ahead_) {
      if (read_ahead_ < table_.chunk_checksums.size()) {
        const PageRange ahead = pages_of(read_ahead_);
        if (has_data(ahead)) {
          base::read_ahead(fd_, ahead.first.offset().value, ahead.size(), path_);
        }
      }
    }
    const PageRange pages = pages_of(chunk);
    if (expects_data(pages) || has_data(pages)) {
      const std::span content(buffer_.data(), pages.size().value);
      base::read_exact(fd_, content, pages.first.offset().value, path_);
      compare(chunk, pages, content);
    }
  }

 private:
  PageRange pages_of(std::uint64_t chunk) const {
    const PageIndex first{chunk * kChunkPages};
    return {first, std::min(kChunkPages, table_.memory.pages() - first.value)};
  }

  bool expects_data(PageRange pages) {
    while (next_ != table_.stored.end() && next_->end() <= pages.first) {
      ++next_;
    }
    return next_ != table_.stored.end() && next_->first < pages.end();
  }

  bool has_data(PageRange pages) const {
    const off_t data =
        ::lseek(fd_.get(), static_cast<off_t>(pages.first.offset().value), SEEK_DATA);
    if (data < 0 && errno != ENXIO) {
      base::fail_errno("seek", path_);
    }
    return data >= 0 && static_cast<std::uint64_t>(data) < pages.end().offset().value;
  }

  void compare(std::uint64_t chunk, PageRange pages, std::span<const std::byte> content) const {
    auto range = next_;
    std::uint32_t checksum = 0;
    for (PageIndex page = pages.first; page < pages.end(); page = page + 1) {
      const auto bytes = content.subspan((page - pages.first) * kPageSize, kPageSize);
      while (range != table_.stored.end() && range->end() <= page) {
        ++range;
      }
      if (range != table_.stored.end() && range->first <= page) {
        checksum = base::crc32c(bytes, checksum);
        if (take_) {
          take_(bytes);
        }
      } else if (!memory::is_zero(bytes)) {
        base::fail(ErrorKind::corrupt, kVerifyingImage, path_,
                   fmt::format("chunk {}: page {} has data, expected zeros", chunk, page.value));
      }
    }
    if (checksum != table_.chunk_checksums[chunk]) {
      base::fail(ErrorKind::corrupt, kVerifyingImage, path_,
                 fmt::format("chunk {} (pages {} to {}): checksum is {:08x}, expected {:08x}",
                             chunk, pages.first.value, pages.end().value - 1, checksum,
                             table_.chunk_checksums[chunk]));
    }
  }

  const base::UniqueFd& fd_;
  const std::filesystem::path& path_;
  const ImageTable& table_;
  const base::TakeBytes& take_;
  std::vector<PageRange>::const_iterator next_ = table_.stored.begin();
  std::vector<std::byte> buffer_;
  // The next chunk to read ahead.
  std::uint64_t read_ahead_ = 0;
};

constexpr FrameKind kTrailer{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'M'}, 1, Bytes{kPageSize}};

std::vector<std::byte> trailer_of(std::string_view snapshot_id, Bytes memory) {
  base::ByteWriter payload;
  payload.put_string(snapshot_id);
  payload.put(memory.value);
  return encode_frame(kTrailer, payload.bytes());
}

constexpr std::uint32_t kOldestMemorySection = 1;

void put_ranges(base::ByteWriter& writer, std::span<const PageRange> ranges) {
  writer.put(static_cast<std::uint32_t>(ranges.size()));
  for (const PageRange& range : ranges) {
    writer.put(static_cast<std::uint32_t>(range.first.value));
    writer.put(static_cast<std::uint32_t>(range.count));
  }
}

std::vector<PageRange> read_ranges(base::ByteReader& reader, std::uint64_t pages) {
  const auto count = reader.get<std::uint32_t>();
  if (count > reader.remaining() / (2 * sizeof(std::uint32_t))) {
    reader.reject(fmt::format("{} ranges declared in {} bytes", count, reader.remaining()));
  }
  std::vector<PageRange> ranges;
  ranges.reserve(count);
  // Ranges must not be adjacent, so the next one begins at least one page further on.
  std::uint64_t lowest = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t first = reader.get<std::uint32_t>();
    const std::uint64_t length = reader.get<std::uint32_t>();
    if (first < lowest || length == 0 || first + length > pages) {
      reader.reject(
          fmt::format("range {} (page {}, {} pages) is empty, out of order or beyond "
                      "the {} pages of memory",
                      i, first, length, pages));
    }
    ranges.push_back({PageIndex{first}, length});
    lowest = first + length + 1;
  }
  return ranges;
}

}  // namespace

std::uint64_t ImageTable::stored_pages() const noexcept { return memory::count_pages(stored); }

std::uint64_t ImageTable::nonzero_pages() const noexcept {
  return memory::count_pages(stored) + memory::count_pages(based);
}

ImageTable write_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                              std::span<const std::byte> host,
                              std::span<const PageRange> candidates, const Progress& progress,
                              const std::function<void(PageRange)>& unreadable) {
  static_assert(kChunkPages <= memory::PageCopier::kMaximumPages);
  memory::PageCopier copier(host);
  const ReadPages read = [&](PageRange piece) {
    const auto content = copier.copy(piece);
    if (!content) {
      if (unreadable) {
        unreadable(piece);
      }
      base::fail(ErrorKind::io, kWritingImage, path,
                 fmt::format("pages {} to {} of guest memory cannot be read", piece.first.value,
                             piece.end().value - 1));
    }
    return *content;
  };
  return write_image(fd, path, {host.size()}, candidates, read, progress);
}

ImageTable write_image(const base::UniqueFd& fd, const std::filesystem::path& path, Bytes size,
                       std::span<const PageRange> candidates, const ReadPages& read,
                       const Progress& progress) {
  check_candidates(candidates, size);
  ImageWriter writer(fd, path, size, read);
  const Bytes total = total_size(candidates);
  Bytes done;
  for (const PageRange& range : candidates) {
    for (PageIndex page = range.first; page < range.end();) {
      const PageIndex end = std::min(chunk_end(page), range.end());
      writer.write({page, end - page});
      done += Bytes{(end - page) * kPageSize};
      base::report_progress(progress, done, total, kWritingImage, path);
      page = end;
    }
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(image_file_size(size).value)) != 0) {
    base::fail_errno("set size of", path);
  }
  return writer.take();
}

void verify_memory_image(const base::UniqueFd& fd, const std::filesystem::path& path,
                         const ImageTable& table, const Progress& progress,
                         const base::TakeBytes& take) {
  ImageVerifier verifier(fd, path, table, take);
  for (std::uint64_t chunk = 0; chunk < table.chunk_checksums.size(); ++chunk) {
    verifier.check(chunk);
    const Bytes done{std::min((chunk + 1) * kChunkPages * kPageSize, table.memory.value)};
    base::report_progress(progress, done, table.memory, kVerifyingImage, path);
  }
}

Section save_image_table(const ImageTable& table, std::string_view name) {
  base::ByteWriter writer;
  writer.put(table.memory.value);
  writer.put(static_cast<std::uint32_t>(kChunkPages));
  put_ranges(writer, table.stored);
  put_ranges(writer, table.based);
  for (const std::uint32_t checksum : table.chunk_checksums) {
    writer.put(checksum);
  }
  return {std::string(name), kMemorySectionVersion, writer.take()};
}

const Section& image_table_section(std::span<const Section> sections,
                                   const std::filesystem::path& file, std::string_view name) {
  const Section* const found = find_section(sections, name);
  const bool oldest = found != nullptr && found->version == kOldestMemorySection;
  return require_section(sections, name, oldest ? kOldestMemorySection : kMemorySectionVersion,
                         file);
}

ImageTable load_image_table(const Section& section, const std::filesystem::path& file) {
  base::ByteReader reader(section.bytes, file, section.name);
  ImageTable table;
  table.memory = {reader.get<std::uint64_t>()};
  if (table.memory.value == 0 || table.memory.value % kPageSize != 0 ||
      table.memory.pages() > kMaximumPages) {
    reader.reject(fmt::format("memory size is {}, expected a multiple of {} of at most {} pages",
                              table.memory.value, kPageSize, kMaximumPages));
  }
  const auto chunk_pages = reader.get<std::uint32_t>();
  if (chunk_pages != kChunkPages) {
    reader.reject(fmt::format("chunks have {} pages, expected {}", chunk_pages, kChunkPages));
  }
  table.stored = read_ranges(reader, table.memory.pages());
  if (section.version != kOldestMemorySection) {
    table.based = read_ranges(reader, table.memory.pages());
  }
  if (const auto both = memory::PageSet(table.stored).intersect(memory::PageSet(table.based));
      !both.empty()) {
    reader.reject(
        fmt::format("page {} is stored, and of the base as well", both.runs().front().first.value));
  }
  const std::uint64_t chunks = (table.memory.pages() + kChunkPages - 1) / kChunkPages;
  if (reader.remaining() != chunks * sizeof(std::uint32_t)) {
    reader.reject(fmt::format("{} bytes of chunk checksums, expected {}", reader.remaining(),
                              chunks * sizeof(std::uint32_t)));
  }
  table.chunk_checksums.resize(chunks);
  std::ranges::generate(table.chunk_checksums, [&] { return reader.get<std::uint32_t>(); });
  return table;
}

std::uint32_t write_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory) {
  std::vector<std::byte> page = trailer_of(snapshot_id, memory);
  const std::uint32_t checksum = frame_checksum(page);
  page.resize(kPageSize);
  base::write_exact(fd, page, memory.value, path);
  return checksum;
}

std::uint32_t check_image_trailer(const base::UniqueFd& fd, const std::filesystem::path& path,
                                  std::string_view snapshot_id, Bytes memory) {
  const Bytes size = base::file_size(fd, path);
  if (size != image_file_size(memory)) {
    base::fail(
        ErrorKind::corrupt, "read", path,
        fmt::format("file has {} bytes, expected {}", size.value, image_file_size(memory).value));
  }
  std::vector<std::byte> page(kPageSize);
  base::read_exact(fd, page, memory.value, path);
  const std::span bytes(page);
  const Bytes length = frame_length(kTrailer, bytes, path);
  base::ByteReader reader(decode_frame(kTrailer, bytes.first(length.value), path), path, "trailer");
  const std::string id = reader.get_string(kMaximumSnapshotId);
  if (id != snapshot_id) {
    reader.reject(fmt::format("image belongs to snapshot '{}', expected '{}'", id, snapshot_id));
  }
  const auto found = reader.get<std::uint64_t>();
  if (found != memory.value) {
    reader.reject(fmt::format("memory size is {}, expected {}", found, memory.value));
  }
  reader.finish();
  if (!std::ranges::all_of(bytes.subspan(length.value),
                           [](std::byte byte) { return byte == std::byte{0}; })) {
    reader.reject("padding is not zero");
  }
  return frame_checksum(page);
}

}  // namespace faasnap::format
