// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot_catalogue.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <utility>

#include "catalogue/catalogue_fixture.h"
#include "signature/key_files.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

using test::check_same;
using test::error_of;
using test::kind_of;
using test::SyntheticGuest;

TEST_CASE("what one host pushes another pulls: the same files, verified") {
  test::CatalogueRig rig;
  const Snapshot pushed = rig.guest.save(rig.local("s"));
  CHECK(rig.catalogue().list().empty());
  const auto result = rig.catalogue().push(pushed, "json");
  CHECK(result.version == 1);
  CHECK(result.added);

  SnapshotCatalogue elsewhere(rig.redis.options(), rig.shared);
  const auto entries = elsewhere.list();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].name == "json");
  REQUIRE(entries[0].versions.size() == 1);
  CHECK(entries[0].versions[0].info.id == pushed.info().id);
  CHECK(entries[0].versions[0].info.labels == pushed.info().labels);
  CHECK_FALSE(entries[0].versions[0].host.empty());
  check_same(elsewhere.pull("json", rig.local("pulled")), pushed);
}

TEST_CASE("a compressed set is pushed and pulled as it is") {
  test::CatalogueRig rig;
  const Snapshot plain = rig.guest.save_whole(rig.local("plain"));
  const Snapshot packed = plain.derive(rig.local("packed"), {.compression = Compression::lz4});
  rig.catalogue().push(packed, "json");
  const Snapshot pulled = rig.catalogue().pull("json", rig.local("pulled"));
  check_same(pulled, packed);
  CHECK(pulled.stream_set()->compression == Compression::lz4);
}

TEST_CASE("a signature goes where its snapshot goes") {
  test::CatalogueRig rig;
  const auto key = test::write_text(rig.local("private.pem"), test::kPrivateKey);
  const TrustedKeys keys(std::array{test::write_text(rig.local("public.pem"), test::kPublicKey)});
  const TrustedKeys others(
      std::array{test::write_text(rig.local("other.pem"), test::kOtherPublicKey)});
  const auto pull = [&](const char* target, unsigned version, const TrustedKeys& trusted) {
    return rig.catalogue().pull("json", rig.local(target), version, {}, &trusted);
  };
  std::ofstream(rig.local("root.img")) << std::string(100'000, 'r');
  const Snapshot plain = rig.save_with_image(rig.local("s"), rig.local("root.img"));
  rig.catalogue().push(plain, "json");
  CHECK(kind_of([&] { pull("unsigned", 0, keys); }) == ErrorKind::untrusted);

  sign_snapshot(plain.directory(), SigningKey(key));
  const auto pushed = rig.catalogue().push(Snapshot::open(plain.directory()), "json");
  CHECK(pushed.version == 2);
  CHECK_FALSE(rig.catalogue().push(Snapshot::open(plain.directory()), "json").added);
  // The host that pulls has the image elsewhere, so its manifest differs.
  fs::remove(rig.local("root.img"));
  const Snapshot pulled = pull("pulled", 0, keys);
  CHECK(pulled.signing_key() == test::kKeyId);
  CHECK(pulled.info().root_image.path != plain.info().root_image.path);
  CHECK_NOTHROW(open_signed(rig.local("pulled"), keys).verify());
  CHECK(kind_of([&] { pull("by-another-key", 0, others); }) == ErrorKind::untrusted);
  CHECK(kind_of([&] { pull("first", 1, keys); }) == ErrorKind::untrusted);
  CHECK_FALSE(fs::exists(rig.local("by-another-key")));
  CHECK_FALSE(rig.catalogue().pull("json", rig.local("any"), 1).signing_key());
}

TEST_CASE("what layers share is pushed once, and pulled with the first of them") {
  test::CatalogueRig rig;
  const Snapshot base = rig.guest.save(rig.local("base"));
  SnapshotOptions options;
  options.base = &base;
  rig.guest.page_bytes({700})[5] = std::byte{1};
  const Snapshot one = Snapshot::create(rig.local("one"), rig.guest.memory(), options);
  rig.guest.page_bytes({800})[5] = std::byte{1};
  const Snapshot two = Snapshot::create(rig.local("two"), rig.guest.memory(), options);
  rig.catalogue().push(one, "one");
  const auto entry = rig.catalogue().find(base.info().id);
  REQUIRE(entry);
  CHECK(entry->versions.size() == 1);
  const std::size_t files = rig.shared_files().size();
  rig.catalogue().push(two, "two");
  CHECK(rig.shared_files().size() == files + 2);  // its state and image

  const std::filesystem::path host = rig.local("host");
  std::filesystem::create_directory(host);
  check_same(rig.catalogue().pull("one", host / "one"), one);
  CHECK(std::filesystem::is_directory(host / base.info().id));
  check_same(rig.catalogue().pull("two", host / "two"), two);
  CHECK_NOTHROW(Snapshot::open(host / "two").verify());
  std::size_t pulled = 0;
  for (const auto& there : std::filesystem::directory_iterator(host)) {
    pulled += there.is_directory() ? 1 : 0;
  }
  CHECK(pulled == 3);
}

TEST_CASE("a snapshot without recordings can be shared") {
  test::CatalogueRig rig;
  const Snapshot pushed = rig.guest.save(rig.local("s"), false);
  rig.catalogue().push(pushed, "bare");
  check_same(rig.catalogue().pull("bare", rig.local("pulled")), pushed);
}

TEST_CASE("other recordings of the same image are a version, and the same ones are not") {
  test::CatalogueRig rig;
  const Snapshot first = rig.guest.save(rig.local("s"));
  const WorkingSet smaller("recorded-elsewhere", first.info().memory, {{{{900}, 2}}});
  const Snapshot second = first.derive(rig.local("s2"), {.working_set = &smaller});
  rig.catalogue().push(first, "json");
  CHECK(rig.catalogue().push(second, "json").version == 2);
  const auto again = rig.catalogue().push(first, "json");
  CHECK(again.version == 1);
  CHECK_FALSE(again.added);

  const auto entry = rig.catalogue().find("json");
  REQUIRE(entry->versions.size() == 2);
  CHECK(entry->versions[0].info.working_set_pages == first.info().working_set_pages);
  CHECK(entry->versions[1].info.working_set_pages == 2);
  check_same(rig.catalogue().pull("json", rig.local("newest")), second);
  check_same(rig.catalogue().pull("json", rig.local("oldest"), 1), first);
  // One image serves both.
  std::size_t images = 0;
  for (const std::string& name : rig.shared_files()) {
    images += name.starts_with("memory-");
  }
  CHECK(images == 1);
}

TEST_CASE("a name that stands for another image is not taken but on demand") {
  test::CatalogueRig rig;
  const Snapshot first = rig.guest.save(rig.local("s"));
  const Snapshot other = SyntheticGuest(2).save(rig.local("other"));
  rig.catalogue().push(first, "json");
  const auto files = rig.shared_files();
  CHECK(kind_of([&] { rig.catalogue().push(other, "json"); }) == ErrorKind::already_exists);
  CHECK(rig.shared_files() == files);
  check_same(rig.catalogue().pull("json", rig.local("first")), first);
  const auto replaced = rig.catalogue().push(other, "json", true);
  CHECK(replaced.version == 1);
  CHECK(replaced.added);
  CHECK(rig.catalogue().find("json")->versions.size() == 1);
  check_same(rig.catalogue().pull("json", rig.local("second")), other);
}

TEST_CASE("of two hosts that push to one name at once, neither is lost") {
  test::CatalogueRig rig;
  const Snapshot first = rig.guest.save(rig.local("s"));
  const WorkingSet smaller("recorded-elsewhere", first.info().memory, {{{{900}, 2}}});
  const Snapshot second = first.derive(rig.local("s2"), {.working_set = &smaller});
  // The second push comes in the middle of the first one: from within its progress.
  bool interfered = false;
  const auto interfere = [&](Bytes, Bytes) {
    if (!std::exchange(interfered, true)) {
      SnapshotCatalogue(rig.redis.options(), rig.shared).push(second, "json");
    }
    return true;
  };
  CHECK(rig.catalogue().push(first, "json", false, interfere).version == 2);
  check_same(rig.catalogue().pull("json", rig.local("a"), 1), second);
  check_same(rig.catalogue().pull("json", rig.local("b"), 2), first);
}

TEST_CASE("a push that is interrupted shows nothing, and the next one completes it") {
  test::CatalogueRig rig;
  const Snapshot snapshot = rig.guest.save(rig.local("s"));
  int calls = 0;
  CHECK(kind_of([&] {
          rig.catalogue().push(snapshot, "json", false, [&](Bytes, Bytes) { return ++calls < 3; });
        }) == ErrorKind::cancelled);
  CHECK(rig.catalogue().list().empty());
  for (const std::string& name : rig.shared_files()) {
    CHECK_FALSE(name.starts_with(".new-"));
  }
  rig.catalogue().push(snapshot, "json");
  check_same(rig.catalogue().pull("json", rig.local("pulled")), snapshot);
}

TEST_CASE("a pull that is interrupted leaves nothing") {
  test::CatalogueRig rig;
  rig.catalogue().push(rig.guest.save(rig.local("s")), "json");
  for (const int limit : {1, 3, 6}) {
    int calls = 0;
    const auto stop = [&](Bytes done, Bytes total) {
      CHECK(done <= total);
      return ++calls < limit;
    };
    fs::create_directory(rig.local("hosts"));
    CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("hosts/p"), 0, stop); }) ==
          ErrorKind::cancelled);
    CHECK(fs::is_empty(rig.local("hosts")));
    fs::remove(rig.local("hosts"));
  }
}

TEST_CASE("files that are missing or damaged are found before anything is there") {
  test::CatalogueRig rig;
  rig.catalogue().push(rig.guest.save(rig.local("s")), "json");
  fs::create_directory(rig.local("hosts"));
  const auto pull = [&] { rig.catalogue().pull("json", rig.local("hosts/p")); };

  for (const char* file : {"memory-", "loading-set-", "state-"}) {
    INFO(file);
    const fs::path path = rig.shared_file(file);
    auto bytes = test::read_all(path);
    const std::size_t middle = file == std::string("memory-") ? 255 * kPageSize : bytes.size() / 2;
    bytes[middle] ^= std::byte{1};
    test::replace_content(path, bytes);
    CHECK(kind_of(pull) == ErrorKind::corrupt);
    fs::rename(path, rig.local("aside"));
    const Error missing = error_of(pull);
    CHECK(missing.kind() == ErrorKind::not_found);
    CHECK(missing.path() == path);
    bytes[middle] ^= std::byte{1};
    test::replace_content(path, bytes);
  }
  CHECK(fs::is_empty(rig.local("hosts")));
  pull();
}

TEST_CASE("a push that replaces heals files that were damaged") {
  test::CatalogueRig rig;
  const Snapshot snapshot = rig.guest.save(rig.local("s"));
  rig.catalogue().push(snapshot, "json");
  test::replace_content(rig.shared_file("state-"), test::bytes_of("damaged"));
  rig.catalogue().push(snapshot, "json", true);
  check_same(rig.catalogue().pull("json", rig.local("p")), snapshot);
}

TEST_CASE("names and versions that are not there, and names that cannot be") {
  test::CatalogueRig rig;
  CHECK(kind_of([&] { rig.catalogue().pull("none", rig.local("p")); }) == ErrorKind::not_found);
  CHECK_FALSE(rig.catalogue().find("none"));
  const Snapshot snapshot = rig.guest.save(rig.local("s"));
  rig.catalogue().push(snapshot, "json");
  CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("p"), 2); }) == ErrorKind::not_found);
  CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("s")); }) ==
        ErrorKind::already_exists);
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(".a"),
                                  std::string("a b"), std::string(129, 'a')}) {
    CHECK(kind_of([&] { rig.catalogue().push(snapshot, name); }) == ErrorKind::invalid_argument);
  }
}

TEST_CASE("without the server or the shared directory there is no catalogue") {
  test::CatalogueRig rig;
  const Snapshot snapshot = rig.guest.save(rig.local("s"));
  rig.redis.stop();
  CHECK(kind_of([&] { rig.catalogue().push(snapshot, "json"); }) == ErrorKind::io);
  CHECK(rig.shared_files().empty());
  CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("p")); }) == ErrorKind::io);
  CHECK_FALSE(fs::exists(rig.local("p")));
  CHECK(kind_of([&] { SnapshotCatalogue(rig.redis.options(), rig.local("none")); }) ==
        ErrorKind::not_found);
}

TEST_CASE("a snapshot names the shared copy of an image that a host lacks") {
  test::CatalogueRig rig;
  const fs::path image = rig.local("rootfs.img");
  test::replace_content(image, test::bytes_of("the root file system"));
  const Snapshot pushed = rig.save_with_image(rig.local("s"), image);
  rig.catalogue().push(pushed, "json");
  CHECK(rig.catalogue().pull("json", rig.local("same")).info().root_image.path == image);
  test::replace_content(image, test::bytes_of("another file system!"));
  const FileIdentity lacking = rig.catalogue().pull("json", rig.local("p")).info().root_image;
  CHECK(lacking.path.parent_path() == rig.shared / "images");
  CHECK(lacking.checksum == pushed.info().root_image.checksum);
  // Pushed again from here it is the same version, and needs no image of this host.
  CHECK_FALSE(rig.catalogue().push(Snapshot::open(rig.local("p")), "json").added);
  fs::remove_all(rig.shared / "images");
  fs::remove(image);
  CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("q")); }) == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap
