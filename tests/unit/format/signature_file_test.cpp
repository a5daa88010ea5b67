// SPDX-License-Identifier: Apache-2.0

#include "format/signature_file.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "support/support.h"

namespace faasnap::format {
namespace {

SignatureContent example_signature() {
  SignatureContent content;
  content.key_id[0] = std::byte{0xab};
  content.parts["manifest"][31] = std::byte{1};
  content.parts["loading-set.pages"] = {};
  content.signature[63] = std::byte{0xff};
  return content;
}

Error signature_error(const std::string& text) {
  return test::error_of([&] { decode_signature(text, "the/signature"); });
}

std::string with(const std::string& text, std::string_view from, std::string_view to) {
  std::string changed = text;
  return changed.replace(text.find(from), from.size(), to);
}

TEST_CASE("a signature is read as it was written") {
  const std::string text = encode_signature(example_signature());
  const SignatureContent read = decode_signature(text, "signature");
  CHECK(read.key_id == example_signature().key_id);
  CHECK(read.parts == example_signature().parts);
  CHECK(read.signature == example_signature().signature);
  CHECK(text.starts_with("faasnap signature 1\nkey = ab00"));
  CHECK(text.starts_with(signed_text(example_signature())));
  CHECK(text.substr(signed_text(example_signature()).size()).starts_with("signature = 00"));
}

TEST_CASE("a text that is not a signature is rejected by file") {
  const std::string good = encode_signature(example_signature());
  const std::string bad = GENERATE_COPY(
      std::string(), std::string("faasnap signature 1\n"), good + "x", good + "more = 1\n",
      good.substr(0, good.size() - 1), with(good, "key = ab", "key = AB"),
      with(good, "key = ab", "key = abb"), with(good, "key = ab", "key = "),
      with(good, "key = ab", "key = zz"), with(good, "key", "sha256"),
      with(good, "sha256.manifest", "sha256."), with(good, "sha256.manifest", "sha256.M"),
      with(good, "sha256.manifest", "sha256.a"), std::string(kMaximumSignature.value + 1, 'a'));
  INFO(bad);
  const Error error = signature_error(bad);
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == "the/signature");
}

TEST_CASE("a signature of another version is told from a damaged one") {
  CHECK(signature_error(with(encode_signature(example_signature()), "signature 1", "signature 2"))
            .kind() == ErrorKind::version);
}

}  // namespace
}  // namespace faasnap::format
