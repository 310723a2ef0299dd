// Signed objects: profiles of accounts and services, label profiles, the policy of a share
// (docs/PROTOCOL.md, 4). Each is a struct, a function that signs it, and one that verifies it.
//
//   Json jws = SignProfile(profile, master_key);
//   RECRYPT_ASSIGN(Profile p, VerifyProfile(jws));   // self-consistent; whether to trust it is
//                                                    // client/trust's question
//
// Verify functions check the signature by the key that the object itself names (or that is given),
// all fields and their bounds; they do not judge expiry or version. Thread safe.
#ifndef RECRYPT_CORE_IDENTITY_PROFILE_H_
#define RECRYPT_CORE_IDENTITY_PROFILE_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/crypto/keys.h"
#include "core/identity/label_policy.h"
#include "core/json/json.h"
#include "core/label/expression.h"

namespace recrypt {

struct ObjectVersion {
  uint64_t version = 1;
  int64_t issued = 0;  // seconds since 1970
  int64_t expires = 0;
};

struct Device {
  std::string name;
  PublicKey sign;
  PublicKey encrypt;
};

struct Profile {
  ObjectVersion version;
  AccountName account;
  PublicKey master;
  std::vector<Device> devices;
  struct OwnedLabel {
    LabelName label;
    std::string master_udf;
  };
  std::vector<OwnedLabel> labels;
  // With which the devices of the personal group, the label of the account's own name, sign what
  // they write; newest first, at most kMaxPersonalKeys. None: there is no such group.
  struct PersonalKey {
    PublicKey sign;
    Json sealed;  // JWE to the group: whoever it grants to can sign
  };
  std::vector<PersonalKey> personal = {};

  std::string Udf() const;
  LabelName PersonalGroup() const;
};
constexpr size_t kMaxPersonalKeys = 16;
Json SignProfile(const Profile& profile, const PrivateKey& master);
Result<Profile> VerifyProfile(const Json& jws);

Result<Json> SealPersonalKey(const AccountName& account, const PrivateKey& key,
                             const PublicKey& group);
// kDenied when it is another account's, or another key than `expected`.
Result<PrivateKey> OpenPersonalKey(const Json& sealed, std::span<const Secret> agreed,
                                   const AccountName& account, const PublicKey& expected);

struct ServiceProfile {
  ObjectVersion version;
  std::string domain;
  PublicKey sign;
  PublicKey encrypt;

  std::string Udf() const;
};
Json SignServiceProfile(const ServiceProfile& profile, const PrivateKey& sign);
Result<ServiceProfile> VerifyServiceProfile(const Json& jws);

struct LabelProfile {
  ObjectVersion version;
  LabelName label;
  PublicKey master;
  Principal owner;
  std::vector<Principal> administrators;
  uint32_t epoch = 1;
  PublicKey key;  // the encryption key of `epoch`
  struct EpochKey {
    uint32_t epoch;
    PublicKey key;
  };
  std::vector<EpochKey> archived;
  struct Service {
    std::string domain;
    std::string udf;
  };
  std::vector<Service> services;
  LabelPolicy policy;
  // What a rotation under way will make the current key: nobody encrypts to it before.
  std::optional<EpochKey> next = std::nullopt;
  // So many of the services together grant; fewer can neither grant nor, with members, make the
  // key.
  uint32_t threshold = 1;

  std::string Udf() const;  // of master
  // The current one, the archived ones, the next.
  std::vector<EpochKey> Keys() const;
  // True when `kid` is the UDF of one of those.
  bool HasKey(std::string_view kid) const;
  // The epoch of that key; 0 when it is none of the label's.
  uint32_t EpochOf(std::string_view kid) const;
};
Json SignLabelProfile(const LabelProfile& profile, const PrivateKey& master);
Result<LabelProfile> VerifyLabelProfile(const Json& jws);

// The label's secrets, which administrators hold.
struct LabelSecrets {
  LabelName label;
  PrivateKey master;
  struct EpochKey {
    uint32_t epoch;
    PrivateKey key;
  };
  std::vector<EpochKey> keys;
};
// kInvalid when nothing can be sealed to the key, such as one of low order.
Result<Json> SealLabelSecrets(const LabelSecrets& secrets, const PublicKey& device_encrypt);
Result<LabelSecrets> OpenLabelSecrets(const Json& jwe, const PrivateKey& device_encrypt);

// One half of a split key, sealed (docs/PROTOCOL.md, 4.4).
struct SealedHalf {
  std::string device;  // UDF of the device's signature key; of a group's member half, its name
  std::string key;     // kid of the label's encryption key
  std::string label;
};
Result<Json> SealHalf(const SealedHalf& about, const PrivateKey& half, const PublicKey& to);
// kDenied when the JWE is about something else than `expected`. The half has the curve `curve`.
Result<PrivateKey> OpenHalf(const Json& jwe, const PrivateKey& with, const SealedHalf& expected,
                            Curve curve);
// One that is sealed to a personal group, by what a grant of the group's made of it.
Result<PrivateKey> OpenHalf(const Json& jwe, std::span<const Secret> agreed,
                            const SealedHalf& expected, Curve curve);

struct SharePolicy {
  ObjectVersion version;
  Bytes share;  // 16 bytes
  Principal owner;
  struct Path {
    std::string path;  // relative, "" for the root, no "." or ".." components
    LabelExpression label;
  };
  std::vector<Path> paths;

  // The expression of the nearest labelled ancestor of `path` (itself included), if any.
  const LabelExpression* Find(std::string_view path) const;
};
Json SignSharePolicy(const SharePolicy& policy, const PrivateKey& owner_master);
// `owner_master` must have the UDF that the policy names; kDenied otherwise.
Result<SharePolicy> VerifySharePolicy(const Json& jws, const PublicKey& owner_master);
// The owner as the policy names itself, before verification: to find the owner's profile.
Result<Principal> PeekSharePolicyOwner(const Json& jws);

}  // namespace recrypt

#endif  // RECRYPT_CORE_IDENTITY_PROFILE_H_
