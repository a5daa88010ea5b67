// SPDX-License-Identifier: Apache-2.0

#include <elf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files/file.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/page_set_table.h"
#include "format/signature_file.h"
#include "format/state_file.h"
#include "format/working_set_file.h"

// Writes good inputs for the fuzz targets of this folder: fuzz_seeds DIRECTORY.
namespace faasnap {
namespace {

constexpr Bytes kMemory{64 * kPageSize};

void write(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::remove(file);
  base::write_new_file(file, bytes);
}

// Behind the byte that asks for the frame to be mended.
void write_frame(const std::filesystem::path& file, std::span<const std::byte> frame) {
  std::vector<std::byte> input = {std::byte{1}};
  input.insert(input.end(), frame.begin(), frame.end());
  write(file, input);
}

std::string manifest() {
  format::Manifest manifest;
  manifest.info.id = "0123456789abcdef0123456789abcdef";
  manifest.info.memory = kMemory;
  manifest.info.vcpus = 2;
  manifest.info.kernel = {"/boot/vmlinuz", {1000}, 1};
  manifest.info.labels = {{"function", "json"}};
  manifest.info.nonzero_pages = 5;
  manifest.info.stored_pages = 2;
  manifest.info.base = BaseIdentity{"base", 7};
  manifest.working_set = {{100}, 2};
  manifest.touched_set = {{100}, 3};
  manifest.loading_set = {{8192}, 4};
  manifest.reap_set = {{8192}, 5};
  manifest.stream_set = {{8192}, 6};
  const std::string text = format::encode_manifest(manifest);
  return text.substr(0, text.rfind("crc32c = "));
}

// One of the platform's, with every member that it may have.
std::string function_record() {
  const auto version = [](std::string_view number, std::string_view more) {
    std::string text = R"({"name": "hello", "version": ")";
    text.append(number).append(R"(", "description": "says so", "revision": "r0123456789abcdef",
      "image": "", "image_uri": "", "archive": "00ff-0123.zip", "runtime": "python3.11",
      "handler": "app.handler", "environment": {"LEVEL": "info"}, "role": "role",
      "code_sha256": "sum", "code_size": 9, "memory_mib": 256, "timeout_s": 3, "modified_ms": 1,
      "creation": {"stage": "done", "reason": ""}, "update": {"stage": "failed", "reason": "no"})");
    return text.append(more).append("}");
  };
  return R"({"format": 2, "next_version": 3, "latest": )" +
         version("$LATEST", R"(, "concurrency": 7)") + R"(, "published": [)" + version("1", "") +
         R"(, )" + version("2", "") + R"(], "aliases": [{"name": "live", "version": "1",
    "description": "", "revision": "a", "weights": {"2": 0.25}}], "next": )" +
         version("$LATEST", "") + R"(, "change": 4})" + "\n";
}

std::vector<std::byte> state() {
  const format::ImageTable table{kMemory, {{{1}, 2}, {{9}, 50}}, {{{4}, 3}}, {7}};
  const std::vector<format::Section> sections = {{"vcpu0", 1, std::vector<std::byte>(20)},
                                                 format::save_image_table(table)};
  return format::encode_state(sections);
}

std::vector<std::byte> page_set_table() {
  format::PageSetTable table{"id", kMemory, {}, {}, {{{30}, 4}}, {kPageSize}, {4 * kPageSize}, 0};
  table.regions = {{{{8}, 1}, {kPageSize}, 0, 1}, {{{2}, 2}, {2 * kPageSize}, 1, 2}};
  return format::encode_page_set_table(table);
}

// The same pages in blocks of two: the first compressed, the last as it is.
std::vector<std::byte> compressed_page_set_table() {
  format::PageSetTable table{"id", kMemory, {}, {}, {{{30}, 4}}, {kPageSize}, {3 * kPageSize}, 0};
  table.regions = {{{{8}, 1}, {kPageSize}, 0, 1}, {{{2}, 2}, {2 * kPageSize}, 1, 2}};
  table.block_pages = 2;
  table.blocks = {{{kPageSize}, {300}, 3}, {{2 * kPageSize}, {kPageSize}, 4}};
  return format::encode_page_set_table(table);
}

// Steps of a hostile driver: each byte is one, or what one reads. Chains of every shape and queue,
// then a save, a change of the state, and a new start.
std::vector<std::byte> driver_steps(std::uint8_t seed) {
  std::vector<std::byte> steps;
  std::uint32_t state = seed;
  for (unsigned i = 0; i < 600; ++i) {
    state = state * 1664525 + 1013904223;
    steps.push_back(static_cast<std::byte>(state >> 24));
  }
  return steps;
}

// The state of a device whose driver has negotiated VERSION_1 and runs `queues` queues.
std::vector<std::byte> device_state(std::uint8_t kind, std::uint32_t type, std::uint32_t queues,
                                    std::span<const std::uint64_t> own) {
  base::ByteWriter state;
  state.put(kind);
  state.put(type);
  state.put(std::uint32_t{15});  // status: up to DRIVER_OK
  for (int i = 0; i < 3; ++i) {
    state.put(std::uint32_t{0});  // what is selected
  }
  state.put(std::uint64_t{1} << 32 | std::uint64_t{1} << 29);  // VERSION_1, EVENT_IDX
  state.put(std::uint32_t{1});                                 // interrupt status
  state.put(queues);
  for (std::uint64_t i = 0; i < queues; ++i) {
    state.put(std::uint16_t{16});
    state.put(std::uint32_t{1});
    state.put(0x10000 + i * 0x1000);
    state.put(0x10400 + i * 0x1000);
    state.put(0x10800 + i * 0x1000);
    state.put(std::uint16_t{0});
  }
  for (const std::uint64_t value : own) {
    state.put(value);
  }
  return state.take();
}

template <typename Value>
void put(std::vector<std::byte>& bytes, std::size_t offset, Value value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

// A kernel of one setup sector and a page of payload.
std::vector<std::byte> bzimage() {
  constexpr std::uint32_t kPayload = 0x400;
  std::vector<std::byte> image(kPayload + kPageSize);
  put(image, 0x1f1, std::uint8_t{1});
  put(image, 0x1f4, static_cast<std::uint32_t>(kPageSize / 16));
  put(image, 0x1fe, std::uint16_t{0xaa55});
  put(image, 0x201, std::uint8_t{0x6a});
  std::memcpy(image.data() + 0x202, "HdrS", 4);
  put(image, 0x206, std::uint16_t{0x20f});
  put(image, 0x22c, std::uint32_t{0x7fffffff});
  put(image, 0x236, std::uint16_t{0x7f});
  put(image, 0x238, std::uint32_t{2047});
  put(image, 0x258, std::uint64_t{0x1000000});
  put(image, 0x260, std::uint32_t{0x200000});
  return image;
}

// A kernel of one segment.
std::vector<std::byte> elf() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_entry = 0x1000040;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_offset = 0x100;
  segment.p_paddr = 0x1000000;
  segment.p_filesz = 0x100;
  segment.p_memsz = 0x3000;
  std::vector<std::byte> image(0x200);
  put(image, 0, header);
  put(image, sizeof(header), segment);
  return image;
}

void write_device_seeds(const std::filesystem::path& directory) {
  for (const char* device :
       {"block_device", "balloon", "net_device", "vsock_device", "vsock_packet"}) {
    for (std::uint8_t seed = 1; seed <= 4; ++seed) {
      write(directory / device / std::to_string(seed), driver_steps(seed));
    }
  }
  constexpr std::array<std::uint64_t, 1> kSectors{2048};
  constexpr std::array<std::uint64_t, 1> kCid{3};
  write(directory / "mmio_state" / "block", device_state(0, 2, 1, kSectors));
  write(directory / "mmio_state" / "balloon", device_state(1, 5, 5, {}));
  // Address and MTU, then the generation.
  constexpr std::array<std::uint64_t, 1> kNetwork{2 | std::uint64_t{1500} << 48};
  auto network = device_state(3, 1, 3, kNetwork);
  network.resize(network.size() + 4);
  write(directory / "mmio_state" / "net", network);
  write(directory / "mmio_state" / "vsock", device_state(2, 19, 3, kCid));
  write(directory / "kernel_image" / "bzimage", bzimage());
  write(directory / "kernel_image" / "elf", elf());
}

void write_all(const std::filesystem::path& directory) {
  const std::string text = manifest();
  write(directory / "manifest" / "good", std::as_bytes(std::span(text)));
  const std::string signature =
      format::encode_signature({.parts = {{"manifest", {}}, {"images", {}}, {"memory.pages", {}}}});
  write(directory / "signature" / "good", std::as_bytes(std::span(signature)));
  write_frame(directory / "state_file" / "good", state());
  write_frame(directory / "working_set" / "mincore",
              format::encode_working_set(
                  {"id", kMemory, Recorder::mincore, {{{{1}, 2}}, {{{5}, 1}, {{9}, 3}}}}));
  write_frame(directory / "working_set" / "userfaultfd",
              format::encode_working_set({"id",
                                          kMemory,
                                          Recorder::userfaultfd,
                                          {{{{1}, 2}}, {{{5}, 1}}},
                                          {{{2}, Nanoseconds(10), true, false},
                                           {{1}, Nanoseconds(1000), false, false},
                                           {{5}, Nanoseconds(70'000), true, true}}}));
  // Without the padding: the table is what the target takes.
  const auto table = page_set_table();
  constexpr std::size_t kTableSize = 24 + (4 + 2) + 5 * 8 + 2 * 4 + 2 * 16 + 8;
  write_frame(directory / "page_set" / "good", std::span(table).first(kTableSize));
  const auto compressed = compressed_page_set_table();
  constexpr std::size_t kOfBlocks = 3 * 4 + 2 * 8;
  write_frame(directory / "page_set" / "compressed",
              std::span(compressed).first(kTableSize + kOfBlocks));
  const std::string_view head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2";
  write(directory / "http_head" / "good", std::as_bytes(std::span(head)));
  const std::string_view chunked =
      "\x03"
      "5;a=b\r\nfirst\r\nA\r\n0123456789\r\n0\r\nX-End: yes\r\n\r\n";
  write(directory / "chunked_body" / "good", std::as_bytes(std::span(chunked)));
  const std::string version = "\x3f\n3\nhost\nsignature\nworking\ntouched\n" + manifest();
  write(directory / "catalogue_version" / "good", std::as_bytes(std::span(version)));
  const std::string_view authorization =
      "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/lambda/aws4_request, "
      "SignedHeaders=host;x-amz-date, "
      "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\n"
      "/2015-03-31/functions/f%3Alive?Qualifier=%31&b\nlocalhost  twice";
  write(directory / "aws_authorization" / "good", std::as_bytes(std::span(authorization)));
  const std::string record = function_record();
  write(directory / "function_record" / "good", std::as_bytes(std::span(record)));
  write_device_seeds(directory);
}

}  // namespace
}  // namespace faasnap

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds DIRECTORY\n";
    return 2;
  }
  try {
    faasnap::write_all(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "fuzz_seeds: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
