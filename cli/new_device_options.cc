#include "cli/new_device_options.h"

#include <filesystem>

namespace recrypt {

void NewDeviceOptions::Declare(Options& options) {
  DeclareWithoutKeys(options);
  options.Value("--device", "NAME", &device_, "Name of this device; the host's unless given");
  options.Choice("--curve", {"x25519", "p256"}, &curve_, "Curve of the keys; x25519 by default");
}

void NewDeviceOptions::DeclareWithoutKeys(Options& options) {
  options.Value("--service", "ADDRESS", &service_, "Where its service is, host:port");
  options.Value("--ca", "FILE", &ca_, "Certificate (PEM) that signed the service's");
  passphrase_.Declare(options);
  options.Flag("--no-passphrase", &no_passphrase_, "Keep the keystore unsealed");
}

Result<NewProfile> NewDeviceOptions::Wanted(const std::string& account) const {
  if (no_passphrase_ && passphrase_.given()) {
    return Fail(ErrorCode::kInvalid, "--no-passphrase does not go with another passphrase option");
  }
  if (service_.empty() && !ca_.empty()) {
    return Fail(ErrorCode::kInvalid, "--ca goes with --service");
  }
  RECRYPT_ASSIGN(AccountName name, AccountName::Parse(account));
  NewProfile wanted{std::move(name), {}, device_, Sealing::kPassphrase, Curve::kX25519};
  if (!service_.empty()) {
    const std::string ca = ca_.empty() ? "" : std::filesystem::absolute(ca_).string();
    wanted.service = ServiceAddress{service_, ca};
  }
  if (no_passphrase_) wanted.sealing = Sealing::kNone;
  if (curve_ == "p256") wanted.curve = Curve::kP256;
  return wanted;
}

}  // namespace recrypt
