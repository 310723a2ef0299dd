#include "client/client.h"

#include "client/discovery.h"
#include "client/grant_access.h"
#include "client/transport.h"

namespace recrypt {
namespace {

class RealClient : public Client {
 public:
  RealClient(const ClientOptions& options, ConfigDirectory directory, Config config,
             std::unique_ptr<TrustStore> trust, std::optional<Keystore> keystore,
             std::shared_ptr<const Identity> identity,
             std::shared_ptr<const RecoveredKeys> recovered)
      : directory_(std::move(directory)),
        config_(std::move(config)),
        clock_(options.clock != nullptr ? *options.clock : system_clock_),
        trust_(std::move(trust)),
        keystore_(std::move(keystore)),
        identity_(std::move(identity)),
        recovered_(std::move(recovered)),
        discovery_(MakeDiscovery(config_)),
        own_transport_(options.transport == nullptr ? MakeTransport(config_, *discovery_)
                                                    : nullptr),
        services_(options.transport != nullptr ? *options.transport : *own_transport_, clock_,
                  *trust_, identity_, options.deadline_ms.value_or(config_.deadline_ms)),
        profiles_(*trust_, services_, clock_, options.prompt),
        receipts_(directory_.ReceiptsFile()) {}

  const ConfigDirectory& directory() const override { return directory_; }
  const Config& config() const override { return config_; }
  const Clock& clock() const override { return clock_; }
  bool has_keys() const override { return keystore_.has_value(); }
  Keystore& keystore() override { return *keystore_; }
  TrustStore& trust() override { return *trust_; }
  Services& services() override { return services_; }
  VerifiedProfiles& profiles() override { return profiles_; }

  std::unique_ptr<Access> MakeAccess() override {
    return MakeGrantAccess({services_, profiles_, *trust_, clock_,
                            keystore_ ? keystore_->shared_identity() : nullptr, recovered_,
                            receipts_, directory_.OpensFile(), directory_.OfflineFolder()});
  }

 private:
  const SystemClock system_clock_;
  const ConfigDirectory directory_;
  const Config config_;
  const Clock& clock_;
  const std::unique_ptr<TrustStore> trust_;
  std::optional<Keystore> keystore_;
  const std::shared_ptr<const Identity> identity_;  // for sessions
  const std::shared_ptr<const RecoveredKeys> recovered_;
  const std::unique_ptr<Discovery> discovery_;
  const std::unique_ptr<Transport> own_transport_;
  Services services_;
  VerifiedProfiles profiles_;
  Receipts receipts_;
};

Result<ConfigDirectory> OpenDirectory(const ClientOptions& options) {
  return options.directory ? ConfigDirectory::Open(*options.directory) : ConfigDirectory::Open();
}

Result<std::unique_ptr<Client>> Assemble(const ClientOptions& options, ConfigDirectory directory,
                                         std::optional<Keystore> keystore,
                                         std::shared_ptr<const Identity> identity) {
  RECRYPT_ASSIGN(Config config, LoadConfig(directory));
  RECRYPT_ASSIGN(auto trust, TrustStore::Open(directory.TrustFile()));
  std::shared_ptr<const RecoveredKeys> recovered;
  if (keystore) {
    RECRYPT_ASSIGN(RecoveredKeys loaded, RecoveredKeys::Load(directory.RecoveredFile(),
                                                             keystore->identity().device_encrypt));
    recovered = std::make_shared<const RecoveredKeys>(std::move(loaded));
  }
  return std::unique_ptr<Client>(std::make_unique<RealClient>(
      options, std::move(directory), std::move(config), std::move(trust), std::move(keystore),
      std::move(identity), std::move(recovered)));
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Open(const ClientOptions& options) {
  RECRYPT_ASSIGN(ConfigDirectory directory, OpenDirectory(options));
  const std::unique_ptr<PassphraseSource> terminal = PassphraseFromTerminal();
  PassphraseSource& source = options.passphrase != nullptr ? *options.passphrase : *terminal;
  RECRYPT_ASSIGN(Keystore keystore, Keystore::Open(directory.KeystoreFile(), source));
  auto identity = keystore.shared_identity();
  return Assemble(options, std::move(directory), std::move(keystore), std::move(identity));
}

Result<std::unique_ptr<Client>> Client::OpenWithoutKeys(const ClientOptions& options) {
  RECRYPT_ASSIGN(ConfigDirectory directory, OpenDirectory(options));
  return Assemble(options, std::move(directory), std::nullopt, nullptr);
}

Result<std::unique_ptr<Client>> Client::OpenAs(const ClientOptions& options,
                                               std::shared_ptr<const Identity> identity) {
  RECRYPT_ASSIGN(ConfigDirectory directory, OpenDirectory(options));
  return Assemble(options, std::move(directory), std::nullopt, std::move(identity));
}

}  // namespace recrypt
