#include "core/escrow/escrow.h"

#include <algorithm>

#include "core/crypto/symmetric.h"
#include "core/identity/signed_object.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

using signed_object::KeyUse;

Result<Escrow> ReadEscrow(const Json& payload) {
  RECRYPT_ASSIGN(const ObjectVersion version, signed_object::ReadVersion(payload));
  RECRYPT_ASSIGN(const Json* by_object, GetObject(payload, "by"));
  RECRYPT_ASSIGN(Principal by, signed_object::ReadPrincipal(*by_object));
  RECRYPT_ASSIGN(PublicKey master, signed_object::ReadKey(payload, "master", KeyUse::kSign));
  RECRYPT_ASSIGN(const uint32_t threshold,
                 signed_object::ReadUint32(payload, "threshold", 2, kMaxShares));
  RECRYPT_ASSIGN(const uint32_t shares,
                 signed_object::ReadUint32(payload, "shares", threshold, kMaxShares));
  RECRYPT_ASSIGN(std::string set, GetString(payload, "set"));
  if (!IsSetName(set)) return Fail(ErrorCode::kInvalid, "member \"set\" names no escrow");
  RECRYPT_ASSIGN(PublicKey key, signed_object::ReadKey(payload, "key", KeyUse::kEncrypt));
  RECRYPT_ASSIGN(const Json* list,
                 signed_object::ReadList(payload, "labels", 1, kMaxEscrowedLabels));
  std::vector<LabelName> labels;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(LabelName label, signed_object::ReadLabel(Json{{"label", element}}, "label"));
    labels.push_back(std::move(label));
  }
  RECRYPT_ASSIGN(const Json* sealed, GetObject(payload, "sealed"));
  return Escrow{version,        std::move(by),  std::move(master), threshold, shares,
                std::move(set), std::move(key), std::move(labels), *sealed};
}

Result<Escrow> ReadAndVerify(const Json& jws) {
  RECRYPT_ASSIGN(const Json payload, signed_object::Peek(jws, "escrow"));
  RECRYPT_ASSIGN(Escrow escrow, ReadEscrow(payload));
  RECRYPT_TRY(signed_object::Verify(jws, escrow.master));
  if (KeyUdf(escrow.master) != escrow.by.udf) {
    return Fail(ErrorCode::kDenied, "it is not signed by who it says made it");
  }
  return escrow;
}

// One of each number; kInvalid names a share of another escrow.
Result<std::vector<const ShamirShare*>> Distinct(const Escrow& escrow,
                                                 std::span<const EscrowShare> shares) {
  std::vector<const ShamirShare*> distinct;
  for (const EscrowShare& one : shares) {
    RECRYPT_TRY(CheckIsOf(escrow, one));
    const auto same = std::find_if(distinct.begin(), distinct.end(), [&](const auto* other) {
      return other->number == one.share.number;
    });
    if (same == distinct.end()) {
      distinct.push_back(&one.share);
    } else if (!(*same)->value.Equals(one.share.value)) {
      return Fail(ErrorCode::kInvalid, "there are two different shares of the number " +
                                           std::to_string(one.share.number));
    }
  }
  return distinct;
}

// Calls `try_it` with each choice of `size` shares until it says that it has found the one.
template <typename TryIt>
bool AnyChoice(std::span<const ShamirShare* const> from, size_t size,
               std::vector<const ShamirShare*>& chosen, const TryIt& try_it) {
  if (chosen.size() == size) return try_it(chosen);
  const size_t needed = size - chosen.size();
  for (size_t i = 0; i + needed <= from.size(); ++i) {
    chosen.push_back(from[i]);
    if (AnyChoice(from.subspan(i + 1), size, chosen, try_it)) return true;
    chosen.pop_back();
  }
  return false;
}

std::optional<PrivateKey> KeyBehind(const Escrow& escrow,
                                    std::span<const ShamirShare* const> shares) {
  const auto secret = CombineShares(shares);
  if (!secret) return std::nullopt;
  PrivateKey key = EscrowKeyOf(*secret, escrow.key.curve());
  if (!(key.public_key() == escrow.key)) return std::nullopt;
  return key;
}

// `good` gives the key; whatever does not in the place of one of them is false.
std::vector<uint32_t> FalseOnes(const Escrow& escrow, std::span<const ShamirShare* const> all,
                                std::vector<const ShamirShare*> good) {
  std::vector<uint32_t> numbers;
  for (const ShamirShare* share : all) {
    if (std::find(good.begin(), good.end(), share) != good.end()) continue;
    std::swap(good.front(), share);
    const bool fits = KeyBehind(escrow, good).has_value();
    std::swap(good.front(), share);
    if (!fits) numbers.push_back(share->number);
  }
  return numbers;
}

}  // namespace

Json SignEscrow(const Escrow& escrow, const PrivateKey& master) {
  Json labels = Json::array();
  for (const LabelName& label : escrow.labels) labels.push_back(label.text());
  Json payload = {{"by", signed_object::WritePrincipal(escrow.by)},
                  {"master", ToJwk(escrow.master)},
                  {"threshold", escrow.threshold},
                  {"shares", escrow.shares},
                  {"set", escrow.set},
                  {"key", ToJwk(escrow.key)},
                  {"labels", std::move(labels)},
                  {"sealed", escrow.sealed}};
  return signed_object::Sign(std::move(payload), "escrow", escrow.version, master);
}

Result<Escrow> VerifyEscrow(const Json& jws) {
  auto escrow = ReadAndVerify(jws);
  if (!escrow) return Fail(escrow.error(), "escrow");
  return escrow;
}

PrivateKey EscrowKeyOf(const Secret& secret, Curve curve) {
  // A scalar of P-256 that is out of range, one in 2^32, gives way to the next.
  for (uint8_t counter = 0;; ++counter) {
    Bytes info = ToBytes(AsBytes("recryptfs escrow 1"));
    info.push_back(counter);
    const auto raw = Hkdf(HashAlgorithm::kSha512, secret.Reveal(), {}, info, 32);
    auto key = PrivateKey::FromBytes(curve, raw.value().Reveal());
    if (key) return std::move(*key);
  }
}

Status CheckIsOf(const Escrow& escrow, const EscrowShare& share) {
  if (share.set == escrow.set && share.share.threshold == escrow.threshold &&
      share.share.number <= escrow.shares) {
    return {};
  }
  return Fail(ErrorCode::kInvalid, "share " + std::to_string(share.share.number) +
                                       " is of another escrow, " + share.set + "; this one is " +
                                       escrow.set);
}

Result<RecoveredEscrowKey> RecoverEscrowKey(const Escrow& escrow,
                                            std::span<const EscrowShare> shares) {
  RECRYPT_ASSIGN(const auto distinct, Distinct(escrow, shares));
  if (distinct.size() < escrow.threshold) {
    const size_t missing = escrow.threshold - distinct.size();
    return Fail(ErrorCode::kNotFound,
                std::to_string(distinct.size()) + " of the " + std::to_string(escrow.threshold) +
                    " shares that are needed are here; missing: " + std::to_string(missing));
  }
  std::optional<PrivateKey> key;
  std::vector<const ShamirShare*> chosen;
  AnyChoice(std::span(distinct), escrow.threshold, chosen, [&](const auto& choice) {
    key = KeyBehind(escrow, choice);
    return key.has_value();
  });
  if (key) return RecoveredEscrowKey{std::move(*key), FalseOnes(escrow, distinct, chosen)};
  return Fail(ErrorCode::kInvalid,
              "the shares are well written, and yet one of them is not of this escrow: give "
              "another one more");
}

}  // namespace recrypt
