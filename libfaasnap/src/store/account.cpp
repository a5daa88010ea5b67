// SPDX-License-Identifier: Apache-2.0

#include "store/account.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace faasnap {

StoreAccount::StoreAccount(StoreLimits limits)
    : account_(std::make_shared<store::Account>(std::move(limits))) {}

StoreUse StoreAccount::use() const { return account_->use(); }

namespace store {
namespace {

constexpr const char* kChanging = "change object of guest";

}  // namespace

Account::Account(StoreLimits limits)
    : limits_(std::move(limits)),
      log_(limits_.log),
      bytes_(limits_.bytes_per_second.value, limits_.bytes_per_second.value),
      requests_(limits_.requests_per_second, limits_.requests_per_second) {}

StoreUse Account::use() const {
  const std::lock_guard lock(mutex_);
  StoreUse use = use_;
  use.objects = objects_.size();
  use.dropped_log_lines = log_.dropped();
  return use;
}

bool Account::open_connection() {
  const std::lock_guard lock(mutex_);
  if (use_.connections >= limits_.connections) {
    ++use_.refused_connections;
    return false;
  }
  ++use_.connections;
  return true;
}

void Account::close_connection() {
  const std::lock_guard lock(mutex_);
  --use_.connections;
}

void Account::pace_bytes(Bytes moved, const std::stop_token& stop) {
  pace(bytes_, moved.value, stop);
}

void Account::pace_requests(std::uint64_t count, const std::stop_token& stop) {
  pace(requests_, count, stop);
}

void Account::pace(base::TokenBucket& bucket, std::uint64_t count, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const Nanoseconds debt = bucket.borrow(count, base::monotonic_now());
  if (debt > Nanoseconds(0)) {
    ++use_.delays;
    pause_.wait_for(lock, stop, debt, [] { return false; });
  }
}

void Account::count_closed() {
  const std::lock_guard lock(mutex_);
  ++use_.closed_connections;
}

void Account::check_may_change() {
  if (limits_.read_only) {
    const std::lock_guard lock(mutex_);
    ++use_.refused_changes;
    base::fail(ErrorKind::permission, kChanging, {}, "the guest may only read");
  }
}

void Account::log(const LogSink& sink, LogLevel level, std::string_view text) {
  log_.write(sink, level, text);
}

Account::Change::Change(Account& account, std::string key, const std::stop_token& stop)
    : account_(account), key_(std::move(key)) {
  std::unique_lock lock(account_.mutex_);
  const bool free =
      account_.key_free_.wait(lock, stop, [this] { return !account_.changing_.contains(key_); });
  if (!free) {
    base::fail(ErrorKind::cancelled, kChanging, {}, "the server is stopping");
  }
  account_.changing_.insert(key_);
}

Account::Change::~Change() {
  const std::lock_guard lock(account_.mutex_);
  account_.use_.stored = account_.use_.stored - reserved_;
  account_.new_objects_ -= new_objects_;
  account_.changing_.erase(key_);
  account_.key_free_.notify_all();
}

void Account::Change::reserve(Bytes size) {
  const std::lock_guard lock(account_.mutex_);
  const StoreLimits& limits = account_.limits_;
  StoreUse& use = account_.use_;
  const std::uint64_t more = account_.objects_.contains(key_) ? 0 : 1;
  const std::uint64_t objects = account_.objects_.size() + account_.new_objects_;
  if (objects + more > limits.objects) {
    ++use.refused_changes;
    base::fail(ErrorKind::no_space, kChanging, {},
               fmt::format("the guest may store {} objects", limits.objects));
  }
  if (use.stored > limits.stored || size > limits.stored - use.stored) {
    ++use.refused_changes;
    base::fail(ErrorKind::no_space, kChanging, {},
               fmt::format("value of {} bytes, but the guest may store {} bytes and has {}",
                           size.value, limits.stored.value, use.stored.value));
  }
  use.stored += size;
  reserved_ = size;
  account_.new_objects_ += more;
  new_objects_ = more;
}

void Account::Change::stored() {
  const std::lock_guard lock(account_.mutex_);
  Bytes& size = account_.objects_[key_];
  // The room of the new value is now that of the object; the old one's is free.
  std::swap(size, reserved_);
}

void Account::Change::removed() {
  const std::lock_guard lock(account_.mutex_);
  const auto object = account_.objects_.find(key_);
  if (object != account_.objects_.end()) {
    account_.use_.stored = account_.use_.stored - object->second;
    account_.objects_.erase(object);
  }
}

}  // namespace store
}  // namespace faasnap
