#include "service/key_rotation.h"

#include "core/jose/jwe.h"
#include "core/udf/udf.h"
#include "service/audit.h"
#include "service/service_keys.h"
#include "service/state_files.h"

namespace recrypt {
namespace {

constexpr uint32_t kBatch = 256;

// The same content, sealed to the present key; nothing when it is so already.
Result<std::optional<std::string>> SealAnew(const StoredHalf& half, const ServiceKeys& keys) {
  const auto damaged = [&](const Error& error) {
    return Fail(ErrorCode::kCorrupt,
                "the service half of entry " + std::to_string(half.id) + ": " + error.message);
  };
  const auto jwe = ParseJson(half.jwe);
  if (!jwe) return damaged(jwe.error());
  auto content = DecryptJwe(*jwe, keys.encrypt);
  if (content) return std::optional<std::string>();
  for (auto key = keys.earlier.begin(); !content && key != keys.earlier.end(); ++key) {
    content = DecryptJwe(*jwe, *key);
  }
  if (!content) return damaged(content.error());
  RECRYPT_ASSIGN(const Json sealed, EncryptJwe(keys.encrypt.public_key(), content->Reveal()));
  return std::optional<std::string>(DumpJson(sealed));
}

// One batch of entries behind `after`, which moves on; false when there are no more.
Result<bool> SealBatch(StoreTransaction& transaction, const ServiceKeys& keys, int64_t& after,
                       uint64_t& sealed) {
  RECRYPT_ASSIGN(const auto halves, transaction.ListServiceHalves(after, kBatch));
  for (const StoredHalf& half : halves) {
    RECRYPT_ASSIGN(const auto jwe, SealAnew(half, keys));
    if (jwe) {
      RECRYPT_TRY(transaction.PutServiceHalf({half.id, *jwe}));
      ++sealed;
    }
    after = half.id;
  }
  return !halves.empty();
}

Status WriteOne(Store& store, const Store::WriteBody& body) {
  return std::move(store.Write({&body, 1}).front());
}

Result<uint64_t> SealAll(Store& store, const ServiceKeys& keys) {
  uint64_t sealed = 0;
  int64_t after = 0;
  for (bool more = true; more;) {
    RECRYPT_TRY(WriteOne(store, [&](StoreTransaction& transaction) -> Status {
      RECRYPT_ASSIGN(more, SealBatch(transaction, keys, after, sealed));
      return {};
    }));
  }
  return sealed;
}

Status RecordRotation(Store& store, const std::string& key, int64_t now) {
  AuditRecord record;
  record.event = "rotate-key";
  record.time = now;
  record.key = key;
  return WriteOne(store, [&](StoreTransaction& transaction) -> Status {
    RECRYPT_ASSIGN([[maybe_unused]] const AuditHead head, AppendAudit(transaction, {&record, 1}));
    return {};
  });
}

}  // namespace

Result<KeyRotation> RotateServiceKey(const StorePlace& place, const Clock& clock) {
  const std::string& state = place.state;
  RECRYPT_ASSIGN(const UniqueFd lock, LockStateDirectory(state));
  RECRYPT_ASSIGN(const ServiceProfile profile, ReadServiceProfile(state));
  RECRYPT_ASSIGN(ServiceKeys keys, LoadOrCreateServiceKeys(state, profile.domain, clock));
  RECRYPT_ASSIGN(const auto store, OpenStoreAlone(place));
  RECRYPT_ASSIGN(Json newest, ClaimStore(*store, keys));
  RECRYPT_TRY(AdoptServiceProfile(state, std::move(newest), keys));
  // Otherwise another run was cut off behind this step.
  if (keys.earlier.empty()) {
    RECRYPT_TRY(AddServiceKey(state));
    RECRYPT_ASSIGN(keys, LoadOrCreateServiceKeys(state, profile.domain, clock));
    RECRYPT_ASSIGN(newest, ClaimStore(*store, keys));
  }
  KeyRotation rotation;
  rotation.key = KeyUdf(keys.encrypt.public_key());
  RECRYPT_ASSIGN(rotation.sealed, SealAll(*store, keys));
  RECRYPT_TRY(RecordRotation(*store, rotation.key, clock.NowSeconds()));
  RECRYPT_TRY(ForgetEarlierKeys(state));
  RECRYPT_ASSIGN(const ServiceProfile renewed, ReadServiceProfile(state));
  rotation.version = renewed.version.version;
  return rotation;
}

}  // namespace recrypt
