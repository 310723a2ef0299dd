// Travel (the draft, 4.10): a device that goes where it may be searched leaves its keys, sealed,
// with somebody trusted, is taken out of everything, and keeps nothing. Getting them back takes the
// code that the traveller carries and the agreement of who holds them; neither opens anything
// alone.
//
//   at home:                                   RECRYPT_ASSIGN(Departure d, Depart(client, carol,
//   file, tell));
//                                              WipeDirectory(client.directory());
//   back again, on any machine:                RECRYPT_ASSIGN(Profile p, Return(options, wanted,
//   code)); carol meanwhile, once she is convinced:    RECRYPT_ASSIGN(auto held,
//   HeldParcel::Open(client, file));
//                                              if (held.Look()) held.Approve();
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_TRAVEL_H_
#define RECRYPT_CLIENT_TRAVEL_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/meeting_code.h"
#include "client/profile_admin.h"

namespace recrypt {

struct Departure {
  std::string code;                    // for the traveller alone
  std::vector<LabelName> labels;       // readable again at once on return
  std::vector<std::string> unreached;  // services that could not be told that the device is out
};
// Makes a fresh device that takes this one's place, leaves its keys in `file` for `holder`, whose
// fingerprint must be pinned, and takes this device out of the profile and of every label. `tell`
// gets the code when the file is durable. Killed or failing before, it leaves this device all that
// it has; after that, code and file are good, whatever else fails.
Result<Departure> Depart(Client& client, const AccountName& holder, const std::string& file,
                         const std::function<void(const std::string& code)>& tell);

// Overwrites and removes everything that the user's directory holds, and the directory. What cannot
// be overwritten is removed all the same; the first failure is returned.
Status WipeDirectory(const ConfigDirectory& directory);

// What a holder has of a traveller.
class HeldParcel {
 public:
  // kDenied when the file is not for this device, or not signed by a traveller who is pinned here.
  static Result<HeldParcel> Open(Client& client, const std::string& file);
  const AccountName& traveller() const { return traveller_; }
  // The name of the machine on which the traveller asks; nothing while nobody does. What is
  // answered next is what was seen last.
  Result<std::optional<std::string>> Look();
  Status Approve() const;
  Status Refuse() const;

 private:
  HeldParcel(AccountName traveller, std::shared_ptr<ServiceClient> service, MeetingCode channel,
             Json parcel, const Clock& clock);
  Status Answer(const Json& answer) const;

  AccountName traveller_;
  std::shared_ptr<ServiceClient> service_;
  MeetingCode channel_;
  Json parcel_;
  const Clock& clock_;
  int attempt_ = 0;  // of the traveller's, from 1
};

// Asks the holder, waits for the answer up to `patience` seconds, and makes the keystore. kDenied
// when the holder refuses, kStale when no answer came; nothing is left behind then.
Result<Profile> Return(const ClientOptions& options, const NewProfile& wanted,
                       const MeetingCode& code, int64_t patience);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_TRAVEL_H_
