// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <faasnap/units.h>

namespace faasnap::format {

inline constexpr Bytes kMaximumSignature{8ULL << 10};

// SHA-256, a key of Ed25519 named by the SHA-256 of its DER form, and a signature of Ed25519
// (RFC 8032).
using Digest = std::array<std::byte, 32>;
using SignatureBytes = std::array<std::byte, 64>;

// What a signature covers of a snapshot: each part has a digest of its own, so that opening can
// check those that it reads anyway (docs/reference/snapshot-format.md).
inline constexpr std::string_view kManifestPart = "manifest";    // the lines of the snapshot
inline constexpr std::string_view kImagesPart = "images";        // the lines of the host
inline constexpr std::string_view kMemoryPart = "memory.pages";  // non-zero pages, by address
// The data of a page set file. Its table is the part with the file's name; so are `state` and the
// recordings, each as a whole, and kernel, initramfs and root_image.
std::string pages_part(std::string_view page_set_file);

// The content of the file `signature`.
struct SignatureContent {
  Digest key_id{};
  std::map<std::string, Digest, std::less<>> parts;
  SignatureBytes signature{};
};

// Returns the text that is signed: all lines but the last one. Throws ErrorKind::invalid_argument
// for the name of a part outside [a-z0-9_.-].
std::string signed_text(const SignatureContent& content);
std::string encode_signature(const SignatureContent& content);

// Parses strictly: accepts only what encode_signature writes. Throws ErrorKind::corrupt, and
// ErrorKind::version for another version in the first line. `file` names the file in messages.
SignatureContent decode_signature(std::string_view text, const std::filesystem::path& file);

// Returns lower-case hexadecimal digits.
std::string to_hex(std::span<const std::byte> bytes);

}  // namespace faasnap::format
