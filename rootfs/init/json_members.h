// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_JSON_MEMBERS_H_
#define FAASNAP_INIT_JSON_MEMBERS_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "rapidjson.h"
#include "text.h"

namespace faasnap::init {

// Reads members of one object. The first member that is not what was expected is the error; absent
// ones and null leave the value as it is.
class JsonMembers {
 public:
  JsonMembers(const rapidjson::Value& object, const char* prefix, std::string& error)
      : object_(object), prefix_(prefix), error_(error) {}

  void text(const char* name, std::string& value) {
    if (const auto* member = find(name)) {
      if (!member->IsString()) {
        reject(name, "a string");
      } else if (member->GetStringLength() != 0) {
        value.assign(member->GetString(), member->GetStringLength());
      }
    }
  }

  // Appends to `values`.
  void texts(const char* name, std::vector<std::string>& values) {
    const auto* member = find(name);
    if (member == nullptr) {
      return;
    }
    if (!member->IsArray()) {
      reject(name, "an array of strings");
      return;
    }
    for (const auto& item : member->GetArray()) {
      if (!item.IsString() || std::strlen(item.GetString()) != item.GetStringLength()) {
        reject(name, "an array of strings");
        return;
      }
      values.emplace_back(item.GetString(), item.GetStringLength());
    }
  }

  template <typename Number>
  void number(const char* name, std::uint64_t least, std::uint64_t most, Number& value) {
    if (const auto* member = find(name)) {
      if (!member->IsUint64() || member->GetUint64() < least || member->GetUint64() > most) {
        reject(name,
               format("a whole number of %llu to %llu", static_cast<unsigned long long>(least),
                      static_cast<unsigned long long>(most)));
      } else {
        value = static_cast<Number>(member->GetUint64());
      }
    }
  }

  const rapidjson::Value* object(const char* name) {
    const auto* member = find(name);
    if (member != nullptr && !member->IsObject()) {
      reject(name, "an object");
      return nullptr;
    }
    return member;
  }

 private:
  const rapidjson::Value* find(const char* name) const {
    const auto found = object_.FindMember(name);
    return found == object_.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
  }
  void reject(const char* name, const std::string& expected) {
    if (error_.empty()) {
      error_ = format("%s%s: expected %s", prefix_, name, expected.c_str());
    }
  }

  const rapidjson::Value& object_;
  const char* const prefix_;
  std::string& error_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_JSON_MEMBERS_H_
