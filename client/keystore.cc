#include "client/keystore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "client/durable_file.h"
#include "core/identity/secret_json.h"
#include "core/jose/jwk.h"
#include "core/udf/udf.h"

namespace recrypt {

// The key that the passphrase gave, kept so that saving needs no second question.
struct Keystore::Lock {
  ScryptCost cost;
  ByteArray<16> salt;
  Secret key;
};

namespace {

constexpr size_t kMaxKeystore = 4 << 20;
constexpr uint64_t kFormat = 1;
constexpr std::string_view kSealText = "recryptfs keystore 1";

void WriteKeys(const Identity& identity, SecretJson& into) {
  into.value["master"] =
      identity.master ? ToPrivateJwk(*identity.master) : ToJwk(identity.account_key);
  into.value["device"] = identity.device_name;
  into.value["sign"] = ToPrivateJwk(identity.device_sign);
  into.value["encrypt"] = ToPrivateJwk(identity.device_encrypt);
  into.value["profile"] = identity.profile;
}

Result<Identity> ReadKeys(const Json& object, AccountName account) {
  RECRYPT_ASSIGN(const Json* master_jwk, GetObject(object, "master"));
  RECRYPT_ASSIGN(PublicKey account_key, PublicKeyFromJwk(*master_jwk));
  std::optional<PrivateKey> master;
  if (FindMember(*master_jwk, "d") != nullptr) {
    RECRYPT_ASSIGN(master, PrivateKeyFromJwk(*master_jwk));
  }
  RECRYPT_ASSIGN(std::string device, GetString(object, "device"));
  RECRYPT_ASSIGN(PrivateKey sign, ReadPrivateKey(object, "sign"));
  RECRYPT_ASSIGN(PrivateKey encrypt, ReadPrivateKey(object, "encrypt"));
  RECRYPT_ASSIGN(const Json* profile, GetObject(object, "profile"));
  RECRYPT_ASSIGN(const Profile verified, VerifyProfile(*profile));
  if (verified.account != account || verified.master != account_key) {
    return Fail(ErrorCode::kCorrupt, "the profile in it belongs to another account or key");
  }
  return Identity{std::move(account), std::move(account_key), std::move(master), std::move(device),
                  std::move(sign),    std::move(encrypt),     *profile};
}

Bytes SealContext(const Json& header) {
  Bytes text = ToBytes(AsBytes(kSealText));
  text.push_back(0);
  Append(text, AsBytes(DumpJson(header)));
  return text;
}

// The readable part, which the seal covers.
Json Header(const AccountName& account, const ScryptCost& cost, ByteSpan salt) {
  return {{"account", account.text()},
          {"version", kFormat},
          {"kdf",
           {{"name", "scrypt"},
            {"n", cost.n},
            {"r", cost.r},
            {"p", cost.p},
            {"salt", Base64UrlEncode(salt)}}}};
}

Status CheckPermissions(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return FailErrno(errno, "reading " + path);
  if (!S_ISREG(info.st_mode)) return Fail(ErrorCode::kInvalid, path + " is no regular file");
  if (info.st_uid != ::geteuid()) {
    return Fail(ErrorCode::kDenied, "the keystore " + path + " belongs to another user");
  }
  if ((info.st_mode & 077) != 0) {
    return Fail(ErrorCode::kDenied, "the keystore " + path +
                                        " can be read or changed by others: run chmod 600 " + path);
  }
  return {};
}

struct StoredKeystore {
  AccountName account;
  Json object;
  bool sealed = true;
};

Result<StoredKeystore> ReadStored(const std::string& path) {
  {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd && errno == ENOENT) {
      return Fail(ErrorCode::kNotFound,
                  "there is no keystore at " + path + ": run recryptfs profile create");
    }
    if (!fd) return FailErrno(errno, "opening the keystore " + path);
    RECRYPT_TRY(CheckPermissions(fd.get(), path));
  }
  RECRYPT_ASSIGN(Bytes text, ReadSmallFile(path, kMaxKeystore));
  auto object = ParseJson(AsText(text));
  Wipe(text);
  if (!object) return Fail(ErrorCode::kCorrupt, "the keystore " + path + " is damaged");
  RECRYPT_ASSIGN(const uint64_t version, GetUint(*object, "version"));
  if (version != kFormat) {
    return Fail(ErrorCode::kInvalid, "the keystore " + path + " is of another version");
  }
  RECRYPT_ASSIGN(const std::string account_text, GetString(*object, "account"));
  RECRYPT_ASSIGN(AccountName account, AccountName::Parse(account_text));
  const bool sealed = FindMember(*object, "sealed") != nullptr;
  return StoredKeystore{std::move(account), std::move(*object), sealed};
}

Result<ScryptCost> ReadCost(const Json& kdf) {
  RECRYPT_ASSIGN(const std::string name, GetString(kdf, "name"));
  RECRYPT_ASSIGN(const uint64_t n, GetUint(kdf, "n"));
  RECRYPT_ASSIGN(const uint64_t r, GetUint(kdf, "r"));
  RECRYPT_ASSIGN(const uint64_t p, GetUint(kdf, "p"));
  if (name != "scrypt" || r > 64 || p > 64) {
    return Fail(ErrorCode::kInvalid, "the key derivation is not known or out of range");
  }
  return ScryptCost{n, static_cast<uint32_t>(r), static_cast<uint32_t>(p)};
}

Result<Identity> Unseal(const StoredKeystore& stored, const Secret& key, const Json& header) {
  RECRYPT_ASSIGN(const Bytes nonce, GetBytes(stored.object, "nonce"));
  RECRYPT_ASSIGN(const Bytes sealed, GetBytes(stored.object, "sealed"));
  if (nonce.size() != kAeadNonceSize || sealed.size() < kAeadTagSize) {
    return Fail(ErrorCode::kCorrupt, "it is cut short");
  }
  const ByteSpan ciphertext = ByteSpan(sealed).first(sealed.size() - kAeadTagSize);
  Secret text(ciphertext.size());
  if (!Aead(key).Open(nonce, SealContext(header), ciphertext, ByteSpan(sealed).last(kAeadTagSize),
                      text.RevealMutable().data())) {
    return Fail(ErrorCode::kDenied, "wrong passphrase");
  }
  auto parsed = ParseJson(AsText(text.Reveal()));
  if (!parsed) return Fail(ErrorCode::kCorrupt, "what is sealed in it is no JSON");
  SecretJson keys;
  keys.value = std::move(*parsed);
  return ReadKeys(keys.value, stored.account);
}

}  // namespace

std::string Identity::Udf() const { return KeyUdf(account_key); }
std::string Identity::DeviceUdf() const { return KeyUdf(device_sign.public_key()); }

Result<const PrivateKey*> Identity::Master() const {
  if (master) return &*master;
  return Fail(ErrorCode::kDenied, "this device does not administer " + account.text() +
                                      ": run this on the one where the profile was made");
}

Keystore::Keystore(std::string path, std::shared_ptr<const Identity> identity,
                   std::shared_ptr<Lock> lock)
    : path_(std::move(path)), identity_(std::move(identity)), lock_(std::move(lock)) {}

Result<std::shared_ptr<Keystore::Lock>> Keystore::MakeLock(const std::optional<Secret>& passphrase,
                                                           ScryptCost cost) {
  if (!passphrase) return std::shared_ptr<Lock>();
  auto lock = std::make_shared<Lock>();
  lock->cost = cost;
  lock->salt = RandomArray<16>();
  RECRYPT_ASSIGN(lock->key, Scrypt(passphrase->Reveal(), lock->salt, cost, kAeadKeySize));
  return lock;
}

Result<Keystore> Keystore::Create(std::string path, Identity identity,
                                  const std::optional<Secret>& passphrase, ScryptCost cost) {
  if (::access(path.c_str(), F_OK) == 0) {
    return Fail(ErrorCode::kExists, "there is a keystore already at " + path);
  }
  RECRYPT_ASSIGN(auto lock, MakeLock(passphrase, cost));
  Keystore keystore(std::move(path), std::make_shared<Identity>(std::move(identity)),
                    std::move(lock));
  RECRYPT_TRY(keystore.Save(*keystore.identity_, keystore.lock_.get()));
  return keystore;
}

Result<Keystore::Summary> Keystore::Inspect(const std::string& path) {
  RECRYPT_ASSIGN(StoredKeystore stored, ReadStored(path));
  WipeTexts(stored.object);
  return Summary{std::move(stored.account), stored.sealed};
}

Result<Keystore> Keystore::Open(std::string path, PassphraseSource& source) {
  RECRYPT_ASSIGN(StoredKeystore stored, ReadStored(path));
  const std::string doing = "the keystore " + path;
  if (!stored.sealed) {
    SecretJson keys;
    if (auto found = stored.object.find("keys"); found != stored.object.end()) {
      keys.value = std::move(*found);
    }
    auto identity = ReadKeys(keys.value, stored.account);
    if (!identity) return Fail(identity.error(), doing);
    return Keystore(std::move(path), std::make_shared<Identity>(std::move(*identity)), nullptr);
  }
  RECRYPT_ASSIGN(const Json* kdf, GetObject(stored.object, "kdf"));
  auto lock = std::make_shared<Lock>();
  RECRYPT_ASSIGN(lock->cost, ReadCost(*kdf));
  RECRYPT_ASSIGN(const Bytes salt, GetBytes(*kdf, "salt"));
  RECRYPT_ASSIGN(lock->salt, ToArray<16>(salt));
  RECRYPT_ASSIGN(const Secret passphrase,
                 source.Get({"Passphrase of " + stored.account.text(), false}));
  RECRYPT_ASSIGN(lock->key, Scrypt(passphrase.Reveal(), salt, lock->cost, kAeadKeySize));
  auto identity = Unseal(stored, lock->key, Header(stored.account, lock->cost, lock->salt));
  if (!identity) return Fail(identity.error(), doing);
  return Keystore(std::move(path), std::make_shared<Identity>(std::move(*identity)),
                  std::move(lock));
}

Status Keystore::Save(const Identity& identity, const Lock* lock) const {
  SecretJson keys;
  WriteKeys(identity, keys);
  std::string text = DumpJson(keys.value);
  Json file;
  if (lock == nullptr) {
    // The text is put in as it is, so that no second copy of the keys is made.
    std::string plain = "{\"account\":" + DumpJson(identity.account.text()) + ",\"keys\":" + text +
                        ",\"version\":" + std::to_string(kFormat) + "}\n";
    Wipe(text);
    Status saved = ReplaceFile(path_, AsBytes(plain), FileMode::kPrivate);
    Wipe(plain);
    return saved;
  }
  file = Header(identity.account, lock->cost, lock->salt);
  const auto nonce = RandomArray<kAeadNonceSize>();
  Bytes sealed(text.size() + kAeadTagSize);
  Aead(lock->key).Seal(nonce, SealContext(file), AsBytes(text), sealed.data(),
                       sealed.data() + text.size());
  Wipe(text);
  file["nonce"] = Base64UrlEncode(nonce);
  file["sealed"] = Base64UrlEncode(sealed);
  return ReplaceFile(path_, AsBytes(DumpJson(file) + "\n"), FileMode::kPrivate);
}

Status Keystore::ReplaceProfile(const Json& jws) {
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(jws));
  RECRYPT_ASSIGN(const Profile before, VerifyProfile(identity_->profile));
  if (profile.account != identity_->account || profile.master != identity_->account_key) {
    return Fail(ErrorCode::kDenied, "the profile belongs to another account or key");
  }
  if (profile.version.version <= before.version.version) {
    return Fail(ErrorCode::kStale, "the profile is not newer than the one in the keystore");
  }
  auto changed = std::make_shared<Identity>(*identity_);
  changed->profile = jws;
  RECRYPT_TRY(Save(*changed, lock_.get()));
  identity_ = std::move(changed);
  return {};
}

Status Keystore::ChangePassphrase(const std::optional<Secret>& passphrase, ScryptCost cost) {
  RECRYPT_ASSIGN(auto lock, MakeLock(passphrase, cost));
  RECRYPT_TRY(Save(*identity_, lock.get()));
  lock_ = std::move(lock);
  return {};
}

}  // namespace recrypt
