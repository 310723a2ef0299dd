// The chain of audit records, and the checkpoints that a service signs of it (docs/PROTOCOL.md, 5).
//
//   head = {head.sequence + 1, AuditHash(head.hash, record)};
//   Json jws = SignCheckpoint({domain, label, head, now, key.public_key()}, key);
//   RECRYPT_ASSIGN(Checkpoint checkpoint, VerifyCheckpoint(jws));   // then compare KeyUdf(sign)
//
// Thread safe.
#ifndef RECRYPT_CORE_PROTOCOL_AUDIT_CHAIN_H_
#define RECRYPT_CORE_PROTOCOL_AUDIT_CHAIN_H_

#include <string>
#include <string_view>

#include "core/crypto/keys.h"
#include "core/crypto/symmetric.h"
#include "core/json/json.h"

namespace recrypt {

// A record's number and its hash, which stands for all records up to it.
struct AuditHead {
  uint64_t sequence = 0;
  Sha256Digest hash{};
};

// SHA-256 over the hash of the record before it, and the record.
Sha256Digest AuditHash(const Sha256Digest& before, std::string_view record);

// A service's word that its log stood at this head.
struct Checkpoint {
  std::string domain;
  std::string label;  // of which the head is the last record; empty: of the whole log
  AuditHead head;
  int64_t time = 0;
  PublicKey sign;  // the service's signature key
};
Json SignCheckpoint(const Checkpoint& checkpoint, const PrivateKey& sign);
// Signed by the key that it names; whether that is the service's is the caller's question.
Result<Checkpoint> VerifyCheckpoint(const Json& jws);

}  // namespace recrypt

#endif  // RECRYPT_CORE_PROTOCOL_AUDIT_CHAIN_H_
