// SharedSessions: sessions of several processes that serve from one PostgreSQL database. Whoever
// gets a request knows its session, and what one has taken, no other takes again.
//
//   RECRYPT_ASSIGN(auto sessions, SharedSessions::Open(pool, keys));
//
// In a table that is not logged: a request costs it one statement and no wait for the disk, and
// when the database fails all sessions end, so that none goes on with a window that is behind.
// Keys are sealed there, to the service's own key. Thread safe.
#ifndef RECRYPT_SERVICE_SHARED_SESSIONS_H_
#define RECRYPT_SERVICE_SHARED_SESSIONS_H_

#include <atomic>

#include "service/service_keys.h"
#include "service/sessions.h"
#include "service/sql_pool.h"

namespace recrypt {

class SharedSessions : public Sessions {
 public:
  // Makes the table, unless it is there.
  static Result<std::unique_ptr<Sessions>> Open(std::shared_ptr<SqlPool> pool,
                                                const ServiceKeys& keys);

  Status Add(std::shared_ptr<const Session> session, int64_t now) override;
  Result<std::shared_ptr<const Session>> Find(const Bytes& id, int64_t now) override;
  Result<Taken> Take(const Session& session, uint64_t sequence, int64_t now) override;
  Status EndDevice(const std::string& device) override;
  Result<size_t> Count() override;

 private:
  SharedSessions(std::shared_ptr<SqlPool> pool, Secret key)
      : pool_(std::move(pool)), key_(std::move(key)) {}

  Status MakeTable();
  Bytes Seal(const Session& session) const;
  // nullptr when it does not open: then it is none of this service's.
  std::shared_ptr<const Session> Unseal(Session session, const Bytes& sealed) const;

  const std::shared_ptr<SqlPool> pool_;
  const Secret key_;
  std::atomic<uint64_t> added_ = 0;
  MemorySessions known_;  // so that keys are read once; whether they still hold is asked each time
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_SHARED_SESSIONS_H_
