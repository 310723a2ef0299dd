#include "service/open_store.h"

#include <unistd.h>

#include <algorithm>

#include "core/udf/udf.h"
#include "service/shared_sessions.h"
#include "service/sql_store.h"

namespace recrypt {
namespace {

std::shared_ptr<SqlPool> PoolOf(const std::string& uri, AuditSync sync) {
  return std::make_shared<SqlPool>(
      [uri, sync] { return ConnectPostgres(uri, sync, PostgresUse::kShort); });
}

// Of a store in whose state directory another one lies, the wrong one would be served or backed up.
Status CheckNoOtherStore(const std::string& state) {
  if (access(StorePath(state).c_str(), F_OK) != 0) return {};
  return Fail(ErrorCode::kInvalid, "the setting store names a database, but " + StorePath(state) +
                                       " is there as well: move one of them away");
}

Result<Json> Claim(StoreTransaction& transaction, const ServiceKeys& keys) {
  RECRYPT_ASSIGN(const ServiceProfile ours, VerifyServiceProfile(keys.profile));
  RECRYPT_ASSIGN(const auto stored, transaction.FindServiceProfile());
  if (stored) {
    RECRYPT_ASSIGN(Json jws, ParseJson(*stored));
    RECRYPT_ASSIGN(const ServiceProfile theirs, VerifyServiceProfile(jws));
    if (theirs.domain != ours.domain || theirs.sign != ours.sign) {
      return Fail(ErrorCode::kInvalid, "the store belongs to the service of " + theirs.domain +
                                           " with the fingerprint " + theirs.Udf() +
                                           ", the state directory to " + ours.domain + ", " +
                                           ours.Udf() +
                                           ": all that serve from one store have the "
                                           "same service.key");
    }
    const bool same = theirs.encrypt == ours.encrypt;
    const bool follows =
        std::any_of(keys.earlier.begin(), keys.earlier.end(),
                    [&](const PrivateKey& key) { return key.public_key() == theirs.encrypt; });
    if (!same && !follows) {
      return Fail(ErrorCode::kInvalid,
                  "the service's key has been rotated elsewhere: copy service.key and "
                  "service.profile from the state directory in which that was done");
    }
    if (same && theirs.version.version >= ours.version.version) return jws;
  }
  RECRYPT_TRY(transaction.PutServiceProfile(DumpJson(keys.profile)));
  return keys.profile;
}

}  // namespace

std::string StorePath(const std::string& state) { return state + "/recryptd.sqlite"; }

Result<ServingStore> OpenServingStore(const StorePlace& place, AuditSync sync,
                                      const ServiceKeys& keys) {
  ServingStore opened;
  if (place.uri.empty()) {
    RECRYPT_ASSIGN(opened.store, OpenSqliteStore(StorePath(place.state), sync));
    opened.sessions = std::make_unique<MemorySessions>();
    return opened;
  }
  RECRYPT_TRY(CheckNoOtherStore(place.state));
  const auto pool = PoolOf(place.uri, sync);
  RECRYPT_ASSIGN(opened.store, OpenPostgresStore(place.uri, sync, PostgresUse::kServe, pool));
  RECRYPT_ASSIGN(opened.sessions, SharedSessions::Open(pool, keys));
  return opened;
}

Result<std::unique_ptr<Store>> OpenStoreAlone(const StorePlace& place) {
  if (place.uri.empty()) return OpenSqliteStore(StorePath(place.state), AuditSync::kDisk);
  return OpenPostgresStore(place.uri, AuditSync::kDisk, PostgresUse::kAlone,
                           PoolOf(place.uri, AuditSync::kDisk));
}

Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StorePlace& place) {
  if (place.uri.empty()) return OpenSqliteStoreReadOnly(StorePath(place.state));
  return OpenPostgresStoreReadOnly(PoolOf(place.uri, AuditSync::kDisk));
}

Result<Json> ClaimStore(Store& store, const ServiceKeys& keys) {
  Json profile;
  const Store::WriteBody body = [&](StoreTransaction& transaction) -> Status {
    RECRYPT_ASSIGN(profile, Claim(transaction, keys));
    return {};
  };
  RECRYPT_TRY(store.Write({&body, 1}).front());
  return profile;
}

}  // namespace recrypt
