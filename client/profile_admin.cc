#include "client/profile_admin.h"

#include <unistd.h>

#include <algorithm>

#include "client/object_life.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

std::string HostName() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "device";
  return name;
}

Identity MakeIdentity(const NewProfile& wanted, int64_t now) {
  Identity identity = MakeDeviceIdentity(wanted);
  const PrivateKey master = PrivateKey::Generate(identity.device_sign.curve());
  identity.account_key = master.public_key();
  identity.master = master;
  const Profile profile{VersionFrom(1, now),
                        wanted.account,
                        identity.account_key,
                        {{identity.device_name, identity.device_sign.public_key(),
                          identity.device_encrypt.public_key()}},
                        {}};
  identity.profile = SignProfile(profile, master);
  return identity;
}

Result<std::optional<Secret>> AskPassphrase(const ClientOptions& options,
                                            const NewProfile& wanted) {
  if (wanted.sealing == Sealing::kNone) return std::optional<Secret>();
  const std::unique_ptr<PassphraseSource> terminal = PassphraseFromTerminal();
  PassphraseSource& source = options.passphrase != nullptr ? *options.passphrase : *terminal;
  RECRYPT_ASSIGN(Secret passphrase,
                 source.Get({"New passphrase for " + wanted.account.text(), true}));
  return std::optional<Secret>(std::move(passphrase));
}

// The passphrase is known: opening the keystore that was just made asks nobody.
class KnownPassphrase : public PassphraseSource {
 public:
  explicit KnownPassphrase(const std::optional<Secret>& passphrase) : passphrase_(passphrase) {}
  Result<Secret> Get(const PassphraseRequest&) override {
    return passphrase_ ? passphrase_->Clone() : Secret();
  }

 private:
  const std::optional<Secret>& passphrase_;
};

Status PublishFirst(Client& client, const NewProfile& wanted) {
  // The session pins the service's key at first use.
  auto published = PublishProfile(client);
  if (published) return {};
  if (published.error().code == ErrorCode::kUnavailable) {
    return Fail(published.error(),
                "the profile is made and kept, but not published yet: run "
                "recryptfs profile publish when the service answers");
  }
  ::unlink(client.directory().KeystoreFile().c_str());
  return Fail(published.error(), "publishing the profile of " + wanted.account.text());
}

}  // namespace

Identity MakeDeviceIdentity(const NewProfile& wanted) {
  const bool p256 = wanted.curve == Curve::kP256;
  const PrivateKey sign = PrivateKey::Generate(p256 ? Curve::kP256 : Curve::kEd25519);
  return Identity{wanted.account,
                  sign.public_key(),
                  std::nullopt,
                  wanted.device_name.empty() ? HostName() : wanted.device_name,
                  sign,
                  PrivateKey::Generate(p256 ? Curve::kP256 : Curve::kX25519),
                  {}};
}

Result<NewKeystore> PrepareKeystore(const ClientOptions& options, const NewProfile& wanted) {
  RECRYPT_ASSIGN(const ConfigDirectory directory, options.directory
                                                      ? ConfigDirectory::Open(*options.directory)
                                                      : ConfigDirectory::Open());
  NewKeystore fresh{directory.KeystoreFile(), std::nullopt};
  if (::access(fresh.path.c_str(), F_OK) == 0) {
    return Fail(ErrorCode::kExists, "there is a profile already, in " + fresh.path);
  }
  RECRYPT_ASSIGN(fresh.passphrase, AskPassphrase(options, wanted));
  if (wanted.service) {
    RECRYPT_TRY(SetService(directory, std::string(wanted.account.domain()), *wanted.service));
  }
  return fresh;
}

Result<Profile> CreateProfile(const ClientOptions& options, const NewProfile& wanted) {
  RECRYPT_ASSIGN(const ConfigDirectory directory, options.directory
                                                      ? ConfigDirectory::Open(*options.directory)
                                                      : ConfigDirectory::Open());
  RECRYPT_ASSIGN(const NewKeystore fresh, PrepareKeystore(options, wanted));
  const SystemClock system_clock;
  const Clock& clock = options.clock != nullptr ? *options.clock : system_clock;
  Identity identity = MakeIdentity(wanted, clock.NowSeconds());
  const std::string udf = identity.Udf();
  RECRYPT_ASSIGN(auto trust, TrustStore::Open(directory.TrustFile()));
  RECRYPT_TRY(
      trust->Pin({TrustSubject::kAccount, wanted.account.text(), udf, "own", clock.NowSeconds()},
                 PinChange::kReplace));
  // The keys are durable before anybody knows of them.
  RECRYPT_TRY(Keystore::Create(fresh.path, std::move(identity), fresh.passphrase));
  KnownPassphrase known(fresh.passphrase);
  ClientOptions with_keys = options;
  with_keys.passphrase = &known;
  RECRYPT_ASSIGN(const auto client, Client::Open(with_keys));
  RECRYPT_TRY(PublishFirst(*client, wanted));
  return OwnProfile(*client);
}

Result<Profile> OwnProfile(Client& client) {
  return VerifyProfile(client.keystore().identity().profile);
}

Status PublishProfile(Client& client) {
  const Identity& identity = client.keystore().identity();
  const auto service = client.services().At(std::string(identity.account.domain()));
  RECRYPT_TRY(service->SetProfile(identity.profile));
  RECRYPT_ASSIGN(const Profile profile, OwnProfile(client));
  return client.trust().Remember(TrustSubject::kAccount, identity.account.text(),
                                 profile.version.version, identity.profile);
}

Result<Profile> UpdateProfile(Client& client, const std::function<Status(Profile&)>& change) {
  RECRYPT_ASSIGN(Profile profile, OwnProfile(client));
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const PrivateKey* master, identity.Master());
  RECRYPT_ASSIGN(const auto seen,
                 client.trust().LastSeen(TrustSubject::kAccount, identity.account.text()));
  const uint64_t newest = std::max(profile.version.version, seen ? seen->version : 0);
  profile.version = VersionFrom(newest + 1, client.clock().NowSeconds());
  RECRYPT_TRY(change(profile));
  const Json jws = SignProfile(profile, *master);
  // Bounds are the reader's: nothing is published that others would refuse.
  RECRYPT_TRY(VerifyProfile(jws));
  // Kept before it is published: the version is then never used for anything else.
  RECRYPT_TRY(client.keystore().ReplaceProfile(jws));
  RECRYPT_TRY(PublishProfile(client));
  return profile;
}

Result<Profile> UpdateOwnedLabels(Client& client, std::vector<Profile::OwnedLabel> labels) {
  return UpdateProfile(client, [&labels](Profile& profile) -> Status {
    profile.labels = std::move(labels);
    return {};
  });
}

Status TrustAccount(Client& client, const AccountName& account, std::string_view udf,
                    PinChange change) {
  RECRYPT_ASSIGN(std::string normal, NormalizeUdf(udf));
  return client.trust().Pin({TrustSubject::kAccount, account.text(), std::move(normal), "explicit",
                             client.clock().NowSeconds()},
                            change);
}

Status TrustLabel(Client& client, const LabelName& label, std::string_view udf, PinChange change) {
  RECRYPT_ASSIGN(std::string normal, NormalizeUdf(udf));
  return client.trust().Pin({TrustSubject::kLabel, label.text(), std::move(normal), "explicit",
                             client.clock().NowSeconds()},
                            change);
}

}  // namespace recrypt
