#include "service/shared_sessions.h"

#include <algorithm>
#include <limits>

namespace recrypt {
namespace {

constexpr size_t kKeySize = 32;
// How many sessions of this process there are between two cleanings of the table.
constexpr uint64_t kBetweenCleanings = 64;

// Place p of `seen` from the left is the number p below the highest.
const std::string kTable =
    "CREATE UNLOGGED TABLE IF NOT EXISTS sessions (id BYTEA PRIMARY KEY, device TEXT NOT NULL, "
    "sealed BYTEA NOT NULL, expires BIGINT NOT NULL, highest BIGINT NOT NULL DEFAULT 0, "
    "seen BIT(1024) NOT NULL DEFAULT B'0'::BIT(1024)) WITH (fillfactor = 50);"
    "CREATE INDEX IF NOT EXISTS sessions_by_device ON sessions (device);"
    "CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires)";

// Of two that take the same number at the same time, the second waits for the first, and then looks
// at the row as that one has left it.
const std::string kTake =
    "UPDATE sessions SET highest = GREATEST(highest, ?2), seen = CASE WHEN ?2 > highest "
    "THEN set_bit(seen >> LEAST(?2 - highest, 1024)::INT, 0, 1) "
    "ELSE set_bit(seen, (highest - ?2)::INT, 1) END "
    "WHERE id = ?1 AND expires > ?3 AND CASE WHEN ?2 > highest THEN TRUE "
    "WHEN ?2 <= highest - 1024 THEN FALSE ELSE get_bit(seen, (highest - ?2)::INT) = 0 END";

// What the sealed keys belong to.
Bytes ContextOf(const Session& session) {
  Bytes context = session.id;
  Append(context, AsBytes(session.device + " " + std::to_string(session.expires)));
  return context;
}

}  // namespace

Result<std::unique_ptr<Sessions>> SharedSessions::Open(std::shared_ptr<SqlPool> pool,
                                                       const ServiceKeys& keys) {
  RECRYPT_ASSIGN(Secret key, Hkdf(HashAlgorithm::kSha256, keys.encrypt.RevealBytes().Reveal(), {},
                                  AsBytes("recryptd sessions 1"), kAeadKeySize));
  std::unique_ptr<SharedSessions> sessions(new SharedSessions(std::move(pool), std::move(key)));
  RECRYPT_TRY(sessions->MakeTable());
  return std::unique_ptr<Sessions>(std::move(sessions));
}

// No migration: what it holds may go at any time.
Status SharedSessions::MakeTable() {
  return pool_->With([](SqlConnection& connection) -> Status {
    RECRYPT_TRY(connection.Begin(SqlBegin::kMigrate));
    RECRYPT_TRY(connection.RunScript(kTable));
    return connection.Commit();
  });
}

Bytes SharedSessions::Seal(const Session& session) const {
  Secret plain(2 * kKeySize);
  const MutableByteSpan room = plain.RevealMutable();
  std::ranges::copy(session.keys.request.Reveal(), room.begin());
  std::ranges::copy(session.keys.response.Reveal(), room.begin() + kKeySize);
  Bytes sealed(kAeadNonceSize + plain.size() + kAeadTagSize);
  RandomBytes(MutableByteSpan(sealed).first(kAeadNonceSize));
  Aead(key_).Seal(ByteSpan(sealed).first(kAeadNonceSize), ContextOf(session), plain.Reveal(),
                  sealed.data() + kAeadNonceSize, sealed.data() + kAeadNonceSize + plain.size());
  return sealed;
}

std::shared_ptr<const Session> SharedSessions::Unseal(Session session, const Bytes& sealed) const {
  Secret plain(2 * kKeySize);
  if (sealed.size() != kAeadNonceSize + plain.size() + kAeadTagSize) return nullptr;
  const ByteSpan all(sealed);
  if (!Aead(key_).Open(all.first(kAeadNonceSize), ContextOf(session),
                       all.subspan(kAeadNonceSize, plain.size()), all.last(kAeadTagSize),
                       plain.RevealMutable().data())) {
    return nullptr;
  }
  session.keys.request = Secret::CopyOf(plain.Reveal().first(kKeySize));
  session.keys.response = Secret::CopyOf(plain.Reveal().last(kKeySize));
  return std::make_shared<const Session>(std::move(session));
}

Status SharedSessions::Add(std::shared_ptr<const Session> session, int64_t now) {
  static const std::string kAdd =
      "INSERT INTO sessions (id, device, sealed, expires) VALUES (?1, ?2, ?3, ?4)";
  static const std::string kOldest =
      "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE device = ?1 "
      "ORDER BY expires DESC, id OFFSET ?2)";
  static const std::string kEnded =
      "DELETE FROM sessions WHERE expires <= ?1 OR id IN (SELECT id FROM sessions "
      "ORDER BY expires DESC, id OFFSET ?2)";
  const Bytes sealed = Seal(*session);
  const bool cleans = added_++ % kBetweenCleanings == 0;
  RECRYPT_TRY(pool_->With([&](SqlConnection& connection) -> Status {
    RECRYPT_TRY(connection.Queue(
        kAdd, {ByteSpan(session->id), session->device, ByteSpan(sealed), session->expires}));
    if (cleans) RECRYPT_TRY(connection.Queue(kEnded, {now, int64_t{kMaxSessions}}));
    RECRYPT_ASSIGN([[maybe_unused]] const SqlRows none,
                   connection.Run(kOldest, {session->device, int64_t{kMaxSessionsOfDevice}}));
    return {};
  }));
  return known_.Add(std::move(session), now);
}

Result<std::shared_ptr<const Session>> SharedSessions::Find(const Bytes& id, int64_t now) {
  static const std::string kFind =
      "SELECT device, sealed, expires FROM sessions WHERE id = ?1 AND expires > ?2";
  RECRYPT_ASSIGN(std::shared_ptr<const Session> session, known_.Find(id, now));
  if (session) return session;
  RECRYPT_TRY(pool_->With([&](SqlConnection& connection) -> Status {
    RECRYPT_ASSIGN(const SqlRows rows, connection.Run(kFind, {ByteSpan(id), now}));
    if (rows.empty()) return {};
    const SqlRow& row = rows.front();
    session = Unseal({id, row.Text(0), {}, row.Number(2)}, row.Blob(1));
    return {};
  }));
  if (session) RECRYPT_TRY(known_.Add(session, now));
  return session;
}

Result<Taken> SharedSessions::Take(const Session& session, uint64_t sequence, int64_t now) {
  static const std::string kThere = "SELECT 1 FROM sessions WHERE id = ?1 AND expires > ?2";
  if (sequence == 0 || sequence > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return Taken::kAgain;
  }
  Taken taken = Taken::kFirst;
  RECRYPT_TRY(pool_->With([&](SqlConnection& connection) -> Status {
    const ByteSpan id(session.id);
    RECRYPT_ASSIGN(SqlRows rows, connection.Run(kTake, {id, static_cast<int64_t>(sequence), now}));
    if (connection.Changes() > 0) return {};
    RECRYPT_ASSIGN(rows, connection.Run(kThere, {id, now}));
    taken = rows.empty() ? Taken::kEnded : Taken::kAgain;
    return {};
  }));
  if (taken == Taken::kEnded) known_.End(session.id);
  return taken;
}

Status SharedSessions::EndDevice(const std::string& device) {
  static const std::string kEnd = "DELETE FROM sessions WHERE device = ?1";
  RECRYPT_TRY(known_.EndDevice(device));
  return pool_->With([&](SqlConnection& connection) -> Status {
    RECRYPT_ASSIGN([[maybe_unused]] const SqlRows none, connection.Run(kEnd, {device}));
    return {};
  });
}

Result<size_t> SharedSessions::Count() {
  static const std::string kCount = "SELECT COUNT(*) FROM sessions";
  size_t count = 0;
  RECRYPT_TRY(pool_->With([&](SqlConnection& connection) -> Status {
    RECRYPT_ASSIGN(const SqlRows rows, connection.Run(kCount, {}));
    count = static_cast<size_t>(rows.front().Number(0));
    return {};
  }));
  return count;
}

}  // namespace recrypt
