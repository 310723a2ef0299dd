// Receipts: what services said with their grants about their audit logs, kept to find a log that
// was cut or rewritten later (docs/PROTOCOL.md, 5).
//
//   Receipts receipts(directory.ReceiptsFile());
//   receipts.Keep({"example.com", label, head, now});
//   RECRYPT_ASSIGN(auto kept, Receipts::Load(path));
//
// One JSON object a line. From 1 MiB on a new file is begun; the one before is kept beside it, with
// `.old` behind its name. Thread safe, between processes too.
#ifndef RECRYPT_CLIENT_RECEIPTS_H_
#define RECRYPT_CLIENT_RECEIPTS_H_

#include <string>
#include <vector>

#include "core/protocol/audit_export.h"

namespace recrypt {

class Receipts {
 public:
  explicit Receipts(std::string path) : path_(std::move(path)) {}

  // Not durable at once, since every grant brings one: a crash may take the last ones.
  Status Keep(const AuditReceipt& receipt);

  // Those of the file and of the one before it; empty when there is none. kInvalid names a line.
  static Result<std::vector<AuditReceipt>> Load(const std::string& path);

 private:
  const std::string path_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_RECEIPTS_H_
