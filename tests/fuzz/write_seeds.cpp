// SPDX-License-Identifier: Apache-2.0

#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "format/manifest.h"
#include "format/memory_image.h"
#include "format/page_set_table.h"
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
  manifest.working_set = {{100}, 2};
  manifest.touched_set = {{100}, 3};
  manifest.loading_set = {{8192}, 4};
  manifest.reap_set = {{8192}, 5};
  manifest.stream_set = {{8192}, 6};
  const std::string text = format::encode_manifest(manifest);
  return text.substr(0, text.rfind("crc32c = "));
}

std::vector<std::byte> state() {
  const format::ImageTable table{kMemory, {{{1}, 2}, {{9}, 50}}, {7}};
  const std::vector<format::Section> sections = {{"vcpu0", 1, std::vector<std::byte>(20)},
                                                 format::save_image_table(table)};
  return format::encode_state(sections);
}

std::vector<std::byte> page_set_table() {
  format::PageSetTable table{"id", kMemory, {}, {}, {{{30}, 4}}, {kPageSize}, {4 * kPageSize}, 0};
  table.regions = {{{{8}, 1}, {kPageSize}, 0, 1}, {{{2}, 2}, {2 * kPageSize}, 1, 2}};
  return format::encode_page_set_table(table);
}

void write_all(const std::filesystem::path& directory) {
  const std::string text = manifest();
  write(directory / "manifest" / "good", std::as_bytes(std::span(text)));
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
  const auto head = page_set_table();
  constexpr std::size_t kTableSize = 24 + (4 + 2) + 5 * 8 + 2 * 4 + 2 * 16 + 8;
  write_frame(directory / "page_set" / "good", std::span(head).first(kTableSize));
  const std::string_view head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2";
  write(directory / "http_head" / "good", std::as_bytes(std::span(head)));
  const std::string version = "\x1f\n3\nhost\nworking\ntouched\n" + manifest();
  write(directory / "catalogue_version" / "good", std::as_bytes(std::span(version)));
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
