// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include <faasnap/guest_limits.h>
#include <faasnap/log.h>
#include <faasnap/store_account.h>

#include "base/log_limiter.h"
#include "base/token_bucket.h"

namespace faasnap::store {

// What the guest of a StoreAccount may still do. Safe from any thread.
class Account {
 public:
  explicit Account(StoreLimits limits);

  const StoreLimits& limits() const noexcept { return limits_; }
  StoreUse use() const;

  // Returns false if there are as many connections as may be.
  bool open_connection();
  void close_connection();

  // Wait until the guest may have moved so many bytes, or made so many requests. They return early
  // if `stop` is requested.
  void pace_bytes(Bytes moved, const std::stop_token& stop);
  void pace_requests(std::uint64_t count, const std::stop_token& stop);

  // Counts a connection that was closed because the guest kept the server waiting.
  void count_closed();
  // Throws ErrorKind::permission if the guest may only read.
  void check_may_change();
  // Logs, within the limits.
  void log(const LogSink& sink, LogLevel level, std::string_view text);

  // The change of one object, while it is under way. The objects' sizes are right because each key
  // has one change at a time.
  class Change {
   public:
    // Waits while another change of the key is under way. Throws ErrorKind::cancelled if `stop` is
    // requested.
    Change(Account& account, std::string key, const std::stop_token& stop);
    // Gives back what was reserved and not stored.
    ~Change();
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

    // Reserves room for a new value beside the old one. Throws ErrorKind::no_space.
    void reserve(Bytes size);
    // The object now has the size that was reserved.
    void stored();
    // The object is gone.
    void removed();

   private:
    Account& account_;
    const std::string key_;
    // Both zero unless a value is on its way.
    Bytes reserved_;
    std::uint64_t new_objects_ = 0;
  };

 private:
  void pace(base::TokenBucket& bucket, std::uint64_t count, const std::stop_token& stop);

  const StoreLimits limits_;
  base::LogLimiter log_;

  mutable std::mutex mutex_;
  std::condition_variable_any key_free_;
  // Signalled by nobody: a wait ends with its time or `stop`.
  std::condition_variable_any pause_;
  // All of the following is guarded by the mutex.
  base::TokenBucket bytes_;
  base::TokenBucket requests_;
  // Sizes of the objects that the guest has set and not removed.
  std::map<std::string, Bytes> objects_;
  // Keys whose change is under way.
  std::set<std::string> changing_;
  // Objects on their way that are not in objects_.
  std::uint64_t new_objects_ = 0;
  StoreUse use_;
};

}  // namespace faasnap::store
