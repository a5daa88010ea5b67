// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot_signature.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "format/manifest.h"
#include "format/page_set_file.h"
#include "format/signature_file.h"
#include "signature/key_files.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_all;
using test::replace_content;
using test::ScratchDirectory;
using test::SyntheticGuest;
using test::write_text;

bool names(const Error& error, std::string_view word) {
  return std::string_view(error.what()).find(word) != std::string_view::npos;
}

// Changes five bytes so that no CRC-32C that covers them changes: by the polynomial itself.
void forge(const fs::path& file, std::uint64_t offset) {
  constexpr std::uint64_t kReflectedPolynomial = 0x82f63b78;
  constexpr std::uint64_t kPattern = 1 | kReflectedPolynomial << 1;
  const timespec kept = [&] {
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    return status.st_mtim;
  }();
  const base::UniqueFd fd = base::open_file(file, O_RDWR);
  std::array<std::byte, 5> bytes{};
  base::read_exact(fd, bytes, offset, file);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= static_cast<std::byte>(kPattern >> (8 * i));
  }
  base::write_exact(fd, bytes, offset, file);
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, kept};
  REQUIRE(::futimens(fd.get(), times) == 0);
}

// A snapshot with every optional file, a kernel and a root image, and keys.
struct Fixture {
  ScratchDirectory scratch;
  SyntheticGuest guest;
  fs::path kernel = scratch.path() / "kernel";
  fs::path root_image = scratch.path() / "root.img";
  fs::path directory = scratch.path() / "s";
  fs::path private_file = write_text(scratch.path() / "private.pem", test::kPrivateKey);
  fs::path public_file = write_text(scratch.path() / "public.pem", test::kPublicKey);
  fs::path other_file = write_text(scratch.path() / "other.pem", test::kOtherPublicKey);

  Fixture() {
    std::ofstream(kernel) << "kernel";
    std::ofstream(root_image) << std::string(100'000, 'r');
    record(directory);
    sign();
  }

  void record(const fs::path& target) const {
    SnapshotContents contents;
    contents.capture = capture_bytes(guest.memory(), {{{0}, SyntheticGuest::kPages}},
                                     {{"vcpu0", 3, std::vector<std::byte>(100)}});
    contents.memory = {guest.memory().size()};
    contents.vcpus = 1;
    contents.kernel = identify_file(kernel);
    contents.root_image = identify_file(root_image);
    contents.labels = {{"function", "json"}};
    const WorkingSet recorded = guest.working_set();
    contents.working_set = &recorded;
    const auto base = scratch.path() / "base";
    const Snapshot plain = create_snapshot(base, contents);
    const WorkingSet touched = SyntheticGuest::touched_set(plain.info().id);
    plain.derive(target, {.working_set = &touched});
    Snapshot::remove(base);
  }
  void sign() const { sign_snapshot(directory, SigningKey(private_file)); }
  fs::path file(std::string_view name) const { return directory / name; }
  TrustedKeys keys() const { return TrustedKeys(std::array{other_file, public_file}); }
  Snapshot open() const { return open_signed(directory, keys()); }
  Error open_error() const {
    return error_of([&] { open(); });
  }
  Error verify_error() const {
    return error_of([&] { open().verify(); });
  }
  // Replaces the manifest by these lines, and makes its checksum right.
  void write_manifest(const std::string& body) const {
    replace_content(file("manifest"),
                    test::bytes_of(fmt::format("{}crc32c = {:08x}\n", body,
                                               base::crc32c(test::bytes_of(body)))));
  }
  std::string manifest_body() const {
    const std::string text = test::text_of(read_all(file("manifest")));
    return text.substr(0, text.rfind("crc32c = "));
  }
  // Takes the root image as the file at `path` as it is now, as whoever may write the manifest can.
  void name_root_image(const fs::path& path) const {
    auto manifest =
        format::decode_manifest(test::text_of(read_all(file("manifest"))), file("manifest"));
    FileIdentity& image = manifest.info.root_image;
    const FileStamp stamp = stamp_of(base::open_regular(path), path);
    image.path = path;
    image.modified = stamp.modified;
    image.inode = stamp.inode;
    replace_content(file("manifest"), test::bytes_of(format::encode_manifest(manifest)));
  }
  // Does what a restore does with the root image.
  static FileIdentity require_root_image(const Snapshot& snapshot, const fs::path& path) {
    return opened(snapshot).require_same(format::kRootImage, base::open_regular(path), path);
  }
};

TEST_CASE("a snapshot opens with the key that has signed it, and is verified by it") {
  const Fixture fixture;
  CHECK_NOTHROW(fixture.open().verify());
  CHECK_NOTHROW(open_signed(fixture.directory, TrustedKeys(std::array{fixture.public_file})));
  CHECK(Snapshot::open(fixture.directory).signing_key() == test::kKeyId);
  CHECK(SigningKey(fixture.private_file).id() == test::kKeyId);
}

TEST_CASE("a snapshot without a signature is refused with file and key, where a key is given") {
  const Fixture fixture;
  fs::remove(fixture.file("signature"));
  const Error error = fixture.open_error();
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == fixture.file("signature"));
  CHECK(names(error, "not signed"));
  CHECK(names(error, test::kKeyId));
  CHECK(names(error, fixture.public_file.string()));
  CHECK_FALSE(Snapshot::open(fixture.directory).signing_key());
}

TEST_CASE("a signature of a key that is not trusted is refused with both keys") {
  const Fixture fixture;
  const Error error = error_of(
      [&] { open_signed(fixture.directory, TrustedKeys(std::array{fixture.other_file})); });
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == fixture.file("signature"));
  CHECK(names(error, test::kKeyId));
  CHECK(names(error, test::kOtherKeyId));
}

TEST_CASE("a signature that names a trusted key and is by another one is refused") {
  const Fixture fixture;
  const auto other = write_text(fixture.scratch.path() / "other-private", test::kOtherPrivateKey);
  sign_snapshot(fixture.directory, SigningKey(other));
  std::string text = test::text_of(read_all(fixture.file("signature")));
  text.replace(text.find(test::kOtherKeyId), 64, test::kKeyId);
  replace_content(fixture.file("signature"), test::bytes_of(text));
  const Error error = fixture.open_error();
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(names(error, "not by the key that it names"));
}

TEST_CASE("no key at all trusts nothing") {
  CHECK(test::kind_of([] { TrustedKeys keys{{}}; }) == ErrorKind::invalid_argument);
}

TEST_CASE("a flipped bit anywhere in the signature is refused") {
  const Fixture fixture;
  const auto bytes = read_all(fixture.file("signature"));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    INFO("byte " << i);
    auto changed = bytes;
    changed[i] ^= std::byte{1};
    replace_content(fixture.file("signature"), changed);
    const Error error = fixture.open_error();
    REQUIRE((error.kind() == ErrorKind::untrusted || error.kind() == ErrorKind::corrupt ||
             error.kind() == ErrorKind::version));
    REQUIRE(error.path() == fixture.file("signature"));
  }
}

TEST_CASE("a signature that is cut short is refused") {
  const Fixture fixture;
  const auto bytes = read_all(fixture.file("signature"));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    INFO(length << " bytes");
    replace_content(fixture.file("signature"), std::span(bytes).first(length));
    const Error error = fixture.open_error();
    REQUIRE(error.kind() == (length == 0 ? ErrorKind::corrupt : error.kind()));
    REQUIRE(error.path() == fixture.file("signature"));
  }
}

TEST_CASE("each line of the manifest is covered, whatever checksum it has") {
  const Fixture fixture;
  const bool removed = GENERATE(false, true);
  const std::string body = fixture.manifest_body();
  const std::string of_host = format::split_manifest(body).of_host;
  std::size_t lines_of_host = 0;
  for (std::size_t begin = 0; begin < body.size(); begin = body.find('\n', begin) + 1) {
    const std::size_t end = body.find('\n', begin);
    INFO(body.substr(begin, end - begin) << (removed ? " removed" : " changed"));
    std::string changed = body;
    if (removed) {
      changed.erase(begin, end + 1 - begin);
    } else {
      char& last = changed[end - 1];
      last = last == '1' ? '2' : '1';
    }
    if (format::split_manifest(changed).of_host != of_host) {
      ++lines_of_host;  // they may differ: what they name is known by its content
      continue;
    }
    fixture.write_manifest(changed);
    const Error error = fixture.open_error();
    REQUIRE(error.kind() == ErrorKind::untrusted);
    REQUIRE(error.path() == fixture.file("manifest"));
    REQUIRE(names(error, test::kKeyId));
  }
  CHECK(lines_of_host == 2 * 4);
}

TEST_CASE("content that is changed without a trace in the checksums is refused on opening") {
  const Fixture fixture;
  const Snapshot before = fixture.open();
  // The last: group and checksum of a table's first region.
  const auto [name, offset] = GENERATE(
      table<const char*, std::uint64_t>({{"state", 24 + 4 + 4 + 5 + 4 + 4 + 8 + 50},
                                         {"working-set", 60},
                                         {"touched-set", 60},
                                         {"loading-set", 24 + 4 + 32 + 5 * 8 + 2 * 4 + 8},
                                         {"reap-set", 24 + 4 + 32 + 5 * 8 + 2 * 4 + 8},
                                         {"stream-set", 24 + 4 + 32 + 5 * 8 + 2 * 4 + 8}}));
  forge(fixture.file(name), offset);
  CHECK_NOTHROW(Snapshot::open(fixture.directory));
  const Error error = fixture.open_error();
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == fixture.file(name));
  CHECK(names(error, test::kKeyId));
  // What is read again later is checked again.
  if (std::string_view(name) == "touched-set") {
    CHECK(test::kind_of([&] { before.working_set(Recorder::userfaultfd); }) ==
          ErrorKind::untrusted);
  }
}

TEST_CASE("pages that are changed without a trace in the checksums are found by verification") {
  const Fixture fixture;
  const auto [name, offset] =
      GENERATE(table<const char*, std::uint64_t>({{"memory", 251 * kPageSize + 5},
                                                  {"loading-set", kPageSize + 5},
                                                  {"reap-set", kPageSize + 5},
                                                  {"stream-set", kPageSize + 5}}));
  forge(fixture.file(name), offset);
  CHECK_NOTHROW(Snapshot::open(fixture.directory).verify());
  const Error error = fixture.verify_error();
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == fixture.file(name));
}

TEST_CASE("an image that is changed without a trace in its checksum is found by verification") {
  const Fixture fixture;
  const fs::path image = GENERATE(0, 1) == 0 ? fixture.kernel : fixture.root_image;
  forge(image, 1);
  CHECK_NOTHROW(Snapshot::open(fixture.directory).verify());
  const Error error = fixture.verify_error();
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == image);
}

// A copy of the root image, with its time of modification.
fs::path copy_of_image(const Fixture& fixture) {
  const fs::path copy = fixture.scratch.path() / "copy.img";
  fs::copy_file(fixture.root_image, copy);
  fs::last_write_time(copy, fs::last_write_time(fixture.root_image));
  return copy;
}

TEST_CASE("a root image is recognised where it was signed, and known by its content elsewhere") {
  const Fixture fixture;
  CHECK_NOTHROW(Fixture::require_root_image(fixture.open(), fixture.root_image));
  CHECK_NOTHROW(Fixture::require_root_image(fixture.open(), copy_of_image(fixture)));
}

TEST_CASE("a copy of the root image with its checksum and time, and another content, is refused") {
  const Fixture fixture;
  const fs::path copy = copy_of_image(fixture);
  forge(copy, 50'000);
  if (GENERATE(false, true)) {
    fixture.name_root_image(copy);
  }
  CHECK_NOTHROW(Fixture::require_root_image(Snapshot::open(fixture.directory), copy));
  const Error error = error_of([&] { Fixture::require_root_image(fixture.open(), copy); });
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == copy);
}

TEST_CASE("a root image of another size is refused unread") {
  const Fixture fixture;
  const fs::path copy = copy_of_image(fixture);
  std::ofstream(copy, std::ios::app) << "more";
  CHECK(test::kind_of([&] { Fixture::require_root_image(fixture.open(), copy); }) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a manifest that says where another host has the images keeps its signature") {
  const Fixture fixture;
  const fs::path moved = fixture.scratch.path() / "moved.img";
  fs::copy_file(fixture.root_image, moved);
  fixture.name_root_image(moved);
  const Snapshot snapshot = fixture.open();
  CHECK(snapshot.info().root_image.path == moved);
  CHECK_NOTHROW(snapshot.verify());
  CHECK(Fixture::require_root_image(snapshot, moved).path == moved);
}

TEST_CASE("a snapshot that was recorded anew must be signed anew") {
  const Fixture fixture;
  const fs::path again = fixture.scratch.path() / "again";
  fixture.record(again);
  CHECK_FALSE(fs::exists(again / "signature"));
  fs::copy_file(fixture.file("signature"), again / "signature");
  const Error error = error_of([&] { open_signed(again, fixture.keys()); });
  CHECK(error.kind() == ErrorKind::untrusted);
  CHECK(error.path() == again / "manifest");
  CHECK(names(error, "must be signed again"));
}

TEST_CASE("a snapshot that gets a recording after it was signed is another one, and not signed") {
  const Fixture fixture;
  const fs::path derived = fixture.scratch.path() / "derived";
  const WorkingSet more = fixture.guest.working_set();
  const Snapshot snapshot = fixture.open().derive(derived, {.working_set = &more});
  CHECK_FALSE(snapshot.signing_key());
  CHECK(test::kind_of([&] { open_signed(derived, fixture.keys()); }) == ErrorKind::untrusted);
  CHECK_NOTHROW(fixture.open());
  sign_snapshot(derived, SigningKey(fixture.private_file));
  CHECK_NOTHROW(open_signed(derived, fixture.keys()));
}

TEST_CASE("a set that is added to a signed snapshot, or taken from it, is noticed") {
  const Fixture fixture;
  SECTION("taken") {
    fs::remove(fixture.file("stream-set"));
    CHECK(names(fixture.open_error(), "stream-set"));
  }
  SECTION("added") {
    const fs::path plain = fixture.scratch.path() / "plain";
    fixture.guest.save(plain, false);
    sign_snapshot(plain, SigningKey(fixture.private_file));
    fs::copy_file(fixture.file("loading-set"), plain / "loading-set");
    const Error error = error_of([&] { open_signed(plain, fixture.keys()); });
    CHECK(names(error, "loading-set"));
  }
}

TEST_CASE("signing again replaces the signature, and an upgrade keeps it") {
  const Fixture fixture;
  const auto other = write_text(fixture.scratch.path() / "other-private", test::kOtherPrivateKey);
  sign_snapshot(fixture.directory, SigningKey(other));
  CHECK(fixture.open().signing_key() == test::kOtherKeyId);
  std::ofstream(fixture.root_image) << std::string(100'000, 'r');
  Snapshot::upgrade(fixture.directory);
  CHECK_NOTHROW(fixture.open().verify());
  CHECK_NOTHROW(Fixture::require_root_image(fixture.open(), fixture.root_image));
}

TEST_CASE("the signature is a file of the snapshot, for its owner alone") {
  const Fixture fixture;
  CHECK(fixture.open().foreign_names().empty());
  CHECK(static_cast<unsigned>(fs::status(fixture.file("signature")).permissions()) == 0600);
  CHECK(Snapshot::remove(fixture.directory).empty());
  CHECK_FALSE(fs::exists(fixture.directory));
}

TEST_CASE("what is damaged is not signed, and keeps the signature that it has") {
  const Fixture fixture;
  const auto signature = read_all(fixture.file("signature"));
  const std::byte changed{0x55};
  base::write_exact(base::open_file(fixture.file("memory"), O_WRONLY), {&changed, 1},
                    251 * kPageSize, fixture.file("memory"));
  CHECK(test::kind_of([&] { fixture.sign(); }) == ErrorKind::corrupt);
  CHECK(read_all(fixture.file("signature")) == signature);
}

TEST_CASE("a layer opens with a key that has signed its base as well") {
  const Fixture fixture;
  const Snapshot base = fixture.open();
  const fs::path directory = fixture.scratch.path() / "layer";
  SnapshotOptions options;
  options.base = &base;
  fixture.guest.page_bytes({700})[5] = std::byte{1};
  Snapshot::create(directory, fixture.guest.memory(), options);
  const SigningKey key(fixture.private_file);
  sign_snapshot(directory, key);
  CHECK_NOTHROW(open_signed(directory, fixture.keys()).verify());
  SECTION("which base it is is signed") {
    std::string text = test::text_of(read_all(directory / "manifest"));
    text.replace(text.find("base.crc32c = ") + 14, 8, "00000000");
    const std::string body = text.substr(0, text.rfind("crc32c = "));
    replace_content(directory / "manifest",
                    test::bytes_of(fmt::format("{}crc32c = {:08x}\n", body,
                                               base::crc32c(test::bytes_of(body)))));
    CHECK(test::kind_of([&] { open_signed(directory, fixture.keys()); }) == ErrorKind::untrusted);
  }
  SECTION("a base without a signature is refused") {
    fs::remove(fixture.file("signature"));
    const Error error = error_of([&] { open_signed(directory, fixture.keys()); });
    CHECK(error.kind() == ErrorKind::untrusted);
    CHECK(names(error, fixture.directory.string()));
  }
  SECTION("pages of the base that are changed without a trace are found by verification") {
    forge(fixture.file("memory"), 250 * kPageSize);
    const Snapshot opened = open_signed(directory, fixture.keys());
    const Error error = error_of([&] { opened.verify(); });
    CHECK(error.kind() == ErrorKind::untrusted);
    CHECK(names(error, fixture.file("memory").string()));
  }
}

TEST_CASE("a snapshot of an older format is upgraded before it is signed") {
  const Fixture fixture;
  const fs::path plain = fixture.scratch.path() / "plain";
  fixture.guest.save(plain);
  std::string text = test::text_of(read_all(plain / "manifest"));
  text.replace(text.find("snapshot 5"), 10, "snapshot 2");
  const std::string body = text.substr(0, text.rfind("crc32c = "));
  replace_content(
      plain / "manifest",
      test::bytes_of(fmt::format("{}crc32c = {:08x}\n", body, base::crc32c(test::bytes_of(body)))));
  const SigningKey key(fixture.private_file);
  CHECK(test::kind_of([&] { sign_snapshot(plain, key); }) == ErrorKind::version);
  Snapshot::upgrade(plain);
  sign_snapshot(plain, key);
  CHECK_NOTHROW(open_signed(plain, fixture.keys()).verify());
}

}  // namespace
}  // namespace faasnap
