// SPDX-License-Identifier: Apache-2.0

#include "catalogue/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace faasnap::catalogue {
namespace {

[[noreturn]] void fail_corrupt_record(const std::string& address, const std::string& reason) {
  base::fail(ErrorKind::corrupt, "read catalogue", address, reason);
}

std::string text_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}

redis::Connection::Reply run(redis::Connection& connection, const std::vector<std::string>& words) {
  return connection.command(std::vector<std::string_view>(words.begin(), words.end()));
}

}  // namespace

CatalogueRecords::CatalogueRecords(const RedisOptions& options)
    : address_(options.address),
      root_(std::string(kReservedKeys) + options.prefix),
      client_(options) {}

std::string CatalogueRecords::key_of(const std::string& name) const {
  return root_ + "snapshot:" + name;
}

std::vector<std::string> CatalogueRecords::names() {
  std::vector<std::string> names;
  client_.run([&](redis::Connection& connection) {
    const auto reply = connection.command({"SMEMBERS", root_ + "snapshots"});
    for (std::size_t i = 0; i < reply->elements; ++i) {
      names.push_back(text_of(*reply->element[i]));
    }
  });
  std::ranges::sort(names);
  return names;
}

CatalogueRecords::Texts CatalogueRecords::fields(redis::Connection& connection,
                                                 const std::string& key,
                                                 std::span<const std::string> names) const {
  std::vector<std::string> words{"HMGET", key};
  words.insert(words.end(), names.begin(), names.end());
  const auto reply = run(connection, words);
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != names.size()) {
    fail_corrupt_record(address_, "expected the fields of a hash");
  }
  Texts texts;
  for (std::size_t i = 0; i < reply->elements; ++i) {
    const redisReply& field = *reply->element[i];
    texts.push_back(field.type == REDIS_REPLY_STRING ? std::optional(text_of(field))
                                                     : std::nullopt);
  }
  return texts;
}

std::optional<CatalogueRecords::Record> CatalogueRecords::find(const std::string& name) {
  std::optional<Record> record;
  client_.run([&](redis::Connection& connection) { record = find(connection, name); });
  return record;
}

std::optional<CatalogueRecords::Record> CatalogueRecords::find(redis::Connection& connection,
                                                               const std::string& name) const {
  const std::string key = key_of(name);
  const std::vector<std::string> heads{"id", "versions"};
  const Texts head = fields(connection, key, heads);
  if (!head[0]) {
    return std::nullopt;
  }
  const unsigned count = version_count(head[1], address_);
  std::vector<std::string> wanted;
  for (unsigned number = 1; number <= count; ++number) {
    std::vector<std::string> names = fields_of_version(number);
    std::move(names.begin(), names.begin() + kHeadFields, std::back_inserter(wanted));
  }
  const Texts texts = fields(connection, key, wanted);
  Record record{*head[0], {}};
  for (std::span rest(texts); !rest.empty(); rest = rest.subspan(kHeadFields)) {
    if (!rest[0]) {
      return std::nullopt;  // replaced meanwhile by a record of fewer versions
    }
    record.versions.push_back(make_version(rest.first(kHeadFields), address_));
  }
  return record;
}

std::optional<CatalogueRecords::Version> CatalogueRecords::version(const std::string& name,
                                                                   unsigned number) {
  Texts texts;
  client_.run([&](redis::Connection& connection) {
    texts = fields(connection, key_of(name), fields_of_version(number));
  });
  return texts[0] ? std::optional(make_version(texts, address_)) : std::nullopt;
}

bool CatalogueRecords::add(const std::string& name, const std::optional<Record>& before,
                           const std::string& id, const Version& version, bool replace) {
  bool added = false;
  client_.run([&](redis::Connection& connection) {
    added = try_to_add(connection, name, before, id, version, replace);
  });
  return added;
}

bool CatalogueRecords::try_to_add(redis::Connection& connection, const std::string& name,
                                  const std::optional<Record>& before, const std::string& id,
                                  const Version& version, bool replace) const {
  const std::string key = key_of(name);
  connection.command({"WATCH", key});
  const auto now = find(connection, name);
  const bool same =
      before.has_value() == now.has_value() &&
      (!now || (before->id == now->id && before->versions.size() == now->versions.size()));
  if (!same) {
    connection.command({"UNWATCH"});
    return false;
  }
  const bool anew = replace || !before;
  const std::size_t number = anew ? 1 : before->versions.size() + 1;
  const auto field = [&](std::string_view what) { return fmt::format("{}:{}", number, what); };
  std::vector<std::string> words{"HSET",
                                 key,
                                 "id",
                                 id,
                                 "versions",
                                 std::to_string(number),
                                 field("manifest"),
                                 version.manifest,
                                 field("pushed_ns"),
                                 std::to_string(version.pushed.count()),
                                 field("host"),
                                 version.host};
  if (!version.signature.empty()) {
    words.push_back(field(format::kSignatureFile));
    words.push_back(version.signature);
  }
  for (const auto& [file, content] : version.recordings) {
    words.push_back(field(file));
    words.push_back(content);
  }
  connection.command({"MULTI"});
  if (anew) {
    connection.command({"DEL", key});
  }
  run(connection, words);
  connection.command({"SADD", root_ + "snapshots", name});
  const auto replies = connection.command({"EXEC"});
  if (replies->type != REDIS_REPLY_ARRAY) {
    return false;  // another host changed the record meanwhile
  }
  for (std::size_t i = 0; i < replies->elements; ++i) {
    if (replies->element[i]->type == REDIS_REPLY_ERROR) {
      base::fail(ErrorKind::io, "write catalogue", address_, text_of(*replies->element[i]));
    }
  }
  return true;
}

}  // namespace faasnap::catalogue
