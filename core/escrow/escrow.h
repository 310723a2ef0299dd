// Escrow: encryption keys of labels, sealed to a key that only several people together have.
//
// A fresh secret of 128 bits is split (core/escrow/shamir.h); the escrow key follows from it; the
// labels' encryption keys are sealed to that. The sealed keys stand in a file that its maker signs:
// it can be copied anywhere, and made anew after a rotation without any share. Signature keys are
// never in it.
//
//   RECRYPT_ASSIGN(Json sealed, SealEscrowedLabels(labels, EscrowKeyOf(secret,
//   curve).public_key())); Json file = SignEscrow(escrow, master);
//
//   RECRYPT_ASSIGN(Escrow escrow, VerifyEscrow(file));      // whether to trust `by` is the
//   caller's RECRYPT_ASSIGN(auto recovered, RecoverEscrowKey(escrow, shares)); RECRYPT_ASSIGN(auto
//   labels, OpenEscrowedLabels(escrow.sealed, recovered.key));
//
// Thread safe.
#ifndef RECRYPT_CORE_ESCROW_ESCROW_H_
#define RECRYPT_CORE_ESCROW_ESCROW_H_

#include <span>
#include <string>
#include <vector>

#include "core/escrow/share_text.h"
#include "core/identity/profile.h"

namespace recrypt {

constexpr size_t kMaxEscrowedLabels = 256;

// What is recovered of a label: its profile, which says who may have signed its documents, and the
// encryption keys of its epochs.
struct EscrowedLabel {
  Json jws;  // the label profile
  LabelProfile profile;
  std::vector<LabelSecrets::EpochKey> keys;
};
// kInvalid for a key that is none of the label's encryption keys.
Result<Json> SealEscrowedLabels(std::span<const EscrowedLabel> labels, const PublicKey& to);
Result<std::vector<EscrowedLabel>> OpenEscrowedLabels(const Json& jwe, const PrivateKey& with);

struct Escrow {
  ObjectVersion version;
  Principal by;  // who made it
  PublicKey master;
  uint32_t threshold = 2;
  uint32_t shares = 2;
  std::string set;                // names it in its shares
  PublicKey key;                  // what is sealed to
  std::vector<LabelName> labels;  // what is in it
  Json sealed;                    // JWE
};
Json SignEscrow(const Escrow& escrow, const PrivateKey& master);
// Checked as far as the object itself goes: signed by `master`, whose fingerprint `by` names.
Result<Escrow> VerifyEscrow(const Json& jws);

// The key of the secret that is split; of X25519 or P-256.
PrivateKey EscrowKeyOf(const Secret& secret, Curve curve);

// kInvalid when the share is of another escrow.
Status CheckIsOf(const Escrow& escrow, const EscrowShare& share);

struct RecoveredEscrowKey {
  PrivateKey key;
  std::vector<uint32_t> false_shares;  // numbers of those that are not what was made
};
// The key behind the shares, whatever their order; a share may stand there twice. kNotFound says
// how many are missing; kInvalid, which one is of another escrow. A share that is well written and
// yet false is found when there is one more than are needed.
Result<RecoveredEscrowKey> RecoverEscrowKey(const Escrow& escrow,
                                            std::span<const EscrowShare> shares);

}  // namespace recrypt

#endif  // RECRYPT_CORE_ESCROW_ESCROW_H_
