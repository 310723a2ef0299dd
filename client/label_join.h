// Asking to become a member of a label, or that a new device of a member gets its entries; and what
// administrators see of it. 'label add' fulfils a request, 'label remove' turns it down.
//
//   RECRYPT_TRY(JoinLabel(client, label, "my new laptop"));
//   RECRYPT_ASSIGN(auto joins, ListJoins(client, label));
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_LABEL_JOIN_H_
#define RECRYPT_CLIENT_LABEL_JOIN_H_

#include <string>
#include <vector>

#include "client/client.h"

namespace recrypt {

struct LabelJoin {
  std::string account;
  std::string profile_udf;  // of the profile that came with it
  std::string device;       // UDF
  std::string message;
  int64_t time = 0;
};

Status JoinLabel(Client& client, const LabelName& label, const std::string& message);
// Administrators only. A request whose profile does not verify is left out.
Result<std::vector<LabelJoin>> ListJoins(Client& client, const LabelName& label);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LABEL_JOIN_H_
