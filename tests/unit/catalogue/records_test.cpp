// SPDX-License-Identifier: Apache-2.0

#include "catalogue/records.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>
#include <vector>

#include "catalogue/catalogue_fixture.h"
#include "catalogue/version.h"
#include "format/manifest.h"
#include "redis/connection.h"

namespace faasnap {
namespace {

using catalogue::HashField;
using test::error_of;
using test::kind_of;

TEST_CASE("records that are damaged or hostile are refused") {
  test::CatalogueRig rig;
  rig.catalogue().push(rig.guest.save(rig.local("s")), "json");
  redis::Connection connection(rig.redis.options());
  const auto pull = [&] { rig.catalogue().pull("json", rig.local("p")); };
  const auto set = [&](const char* field, const std::string& value) {
    const auto before = connection.command({"HGET", "faasnap:snapshot:json", field});
    connection.command({"HSET", "faasnap:snapshot:json", field, value});
    return std::string(before->str, before->len);
  };
  const std::string manifest = set("1:manifest", "garbage");
  CHECK(kind_of(pull) == ErrorKind::corrupt);
  CHECK(kind_of([&] { rig.catalogue().list(); }) == ErrorKind::corrupt);
  set("1:manifest", manifest);
  const std::string recording = set("1:working-set", "garbage");
  CHECK(kind_of(pull) == ErrorKind::corrupt);
  connection.command({"HDEL", "faasnap:snapshot:json", "1:working-set"});
  CHECK(kind_of(pull) == ErrorKind::corrupt);
  set("1:working-set", recording);
  const std::string count = set("versions", "1000000000");
  CHECK(kind_of(pull) == ErrorKind::corrupt);
  set("versions", count);
  connection.command({"SADD", "faasnap:snapshots", "../else\x1b[where"});
  const Error name = error_of([&] { rig.catalogue().list(); });
  CHECK(name.kind() == ErrorKind::corrupt);
  CHECK(std::string_view(name.what()).find('\x1b') == std::string_view::npos);
  pull();
  // A manifest that is right but for an id that leads elsewhere.
  const auto key = std::string_view("faasnap:snapshot:json");
  auto evil = format::decode_manifest(manifest, "test");
  evil.info.id = "../../elsewhere";
  connection.command({"HSET", key, "1:manifest", format::encode_manifest(evil)});
  CHECK(kind_of([&] { rig.catalogue().pull("json", rig.local("q")); }) == ErrorKind::corrupt);
}

TEST_CASE("the number of versions is from 1 to 10000 and nothing else") {
  CHECK(catalogue::version_count(HashField("1"), "server") == 1);
  CHECK(catalogue::version_count(HashField("10000"), "server") == 10'000);
  for (const HashField& field :
       {HashField(), HashField(""), HashField("0"), HashField("10001"), HashField("-1"),
        HashField("+1"), HashField(" 1"), HashField("1 "), HashField("1e2"), HashField("0x1"),
        HashField("4294967297"), HashField(std::string("1\0", 2))}) {
    INFO(field.value_or("none"));
    CHECK(kind_of([&] { catalogue::version_count(field, "server"); }) == ErrorKind::corrupt);
  }
}

TEST_CASE("a version is made of the fields that it has") {
  CHECK(catalogue::fields_of_version(7) ==
        std::vector<std::string>{"7:manifest", "7:pushed_ns", "7:host", "7:signature",
                                 "7:working-set", "7:touched-set"});
  const auto whole = catalogue::make_version(
      std::vector<HashField>{"m", "9223372036854775807", "h", "s", std::string("w\0", 2), "t"},
      "server");
  CHECK(whole.manifest == "m");
  CHECK(whole.pushed.count() == std::numeric_limits<std::int64_t>::max());
  CHECK(whole.host == "h");
  CHECK(whole.signature == "s");
  CHECK(whole.recordings ==
        std::map<std::string, std::string>{{"working-set", {"w\0", 2}}, {"touched-set", "t"}});
  const auto bare =
      catalogue::make_version(std::vector<HashField>{"m", "-1", {}, {}, {}, {}}, "server");
  CHECK(bare.host.empty());
  CHECK(bare.signature.empty());
  CHECK(bare.recordings.empty());
  for (const HashField& pushed :
       {HashField(), HashField("soon"), HashField("9223372036854775808")}) {
    INFO(pushed.value_or("none"));
    CHECK(kind_of([&] {
            catalogue::make_version(std::vector<HashField>{"m", pushed, "h", {}, {}, {}}, "server");
          }) == ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace faasnap
