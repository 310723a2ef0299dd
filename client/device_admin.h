// The devices of an account: enrolling one by a code that is shown on another, and removing one.
//
//   on the device that administers the account:        on the new one:
//   RECRYPT_ASSIGN(auto offer, DeviceOffer::Make(…));   JoinAccount(options, wanted, code, say);
//   show(offer.code());
//   while (!asking) asking = offer.Look();
//   compare(KeyUdf(asking->sign));
//   offer.Approve(*asking);
//
// A device that was enrolled holds no master key: it can neither change the profile nor administer
// labels. Not thread safe.
#ifndef RECRYPT_CLIENT_DEVICE_ADMIN_H_
#define RECRYPT_CLIENT_DEVICE_ADMIN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/meeting_code.h"
#include "client/profile_admin.h"

namespace recrypt {

// How long a code is good, unless said otherwise.
inline constexpr int64_t kCodeLifeSeconds = 600;

class DeviceOffer {
 public:
  // kDenied unless this device has the master key.
  static Result<DeviceOffer> Make(Client& client, int64_t life_seconds);
  std::string code() const { return code_.text(); }
  int64_t expires() const { return expires_; }

  // The device that typed the code, once there is one; kStale when the code has expired.
  Result<std::optional<Device>> Look() const;
  // Publishes the profile with the device in it, makes its entries of the labels that this account
  // administers, which are returned, and answers it.
  Result<std::vector<LabelName>> Approve(const Device& device) const;
  Status Refuse() const;

 private:
  DeviceOffer(Client& client, MeetingCode code, int64_t expires);
  Client& client_;
  std::shared_ptr<ServiceClient> service_;
  MeetingCode code_;
  int64_t expires_;
};

// On the new device. `say` gets the fingerprint of its key, which the other device shows too,
// before the answer is waited for. kNotFound for a code that is wrong, kStale for one that has
// expired, kExists for one that was used, kDenied when the other device refuses. Nothing is left
// behind then.
Result<Profile> JoinAccount(const ClientOptions& options, const NewProfile& wanted,
                            const MeetingCode& code,
                            const std::function<void(const std::string& udf)>& say);

// The own profile as the service has it now.
Result<Profile> CurrentProfile(Client& client);

// Every service that is known here by its domain, the account's own first; and those of the labels
// over several services that the account owns, whose fingerprints the labels name.
std::vector<LabelProfile::Service> KnownServices(Client& client);

struct DeviceRemoved {
  std::string name;
  std::string udf;
  int64_t until = 0;                   // when the last lease ends
  bool listed = false;                 // still in the profile: this device cannot sign another
  std::vector<std::string> unreached;  // services that did not answer, and why
};
// Takes a device out, by its name or fingerprint: at once for all labels of each service that is
// known here, and for good. kInvalid for this device itself and for the last one.
Result<DeviceRemoved> RemoveDevice(Client& client, const std::string& name_or_udf);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DEVICE_ADMIN_H_
