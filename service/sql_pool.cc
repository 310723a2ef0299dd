#include "service/sql_pool.h"

namespace recrypt {
namespace {

constexpr std::chrono::seconds kBetweenAttempts(1);

}  // namespace

Status SqlPool::With(const std::function<Status(SqlConnection&)>& use) {
  RECRYPT_ASSIGN(std::unique_ptr<SqlConnection> connection, Take());
  RECRYPT_TRY(use(*connection));
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
  return {};
}

Result<std::unique_ptr<SqlConnection>> SqlPool::Take() {
  {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      std::unique_ptr<SqlConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      // A database that was started anew has ended all of them.
      if (connection->IsUsable()) return connection;
    }
    if (failure_ && std::chrono::steady_clock::now() < next_attempt_) return Fail(*failure_);
  }
  return MakeOne();
}

Result<std::unique_ptr<SqlConnection>> SqlPool::MakeOne() {
  auto made = connect_();
  const std::lock_guard lock(mutex_);
  failure_ = made ? std::nullopt : std::optional<Error>(made.error());
  next_attempt_ = std::chrono::steady_clock::now() + kBetweenAttempts;
  return made;
}

}  // namespace recrypt
