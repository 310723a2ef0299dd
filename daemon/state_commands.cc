#include "daemon/state_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "service/audit.h"
#include "service/backup.h"
#include "service/key_rotation.h"
#include "service/open_store.h"
#include "service/postgres_connection.h"
#include "service/service_keys.h"

namespace recrypt {
namespace {

Status VerifyAuditOf(const StorePlace& place) {
  RECRYPT_ASSIGN(const auto store, OpenStoreReadOnly(place));
  RECRYPT_ASSIGN(const AuditHead head, VerifyAudit(*store));
  RECRYPT_ASSIGN(const ServiceProfile service, ReadServiceProfile(place.state));
  RECRYPT_ASSIGN(const uint64_t checkpoints, VerifyCheckpoints(*store, service.Udf()));
  std::printf("%llu records, head %s, %llu checkpoints signed by %s\n",
              static_cast<unsigned long long>(head.sequence), Base64UrlEncode(head.hash).c_str(),
              static_cast<unsigned long long>(checkpoints), service.Udf().c_str());
  return {};
}

void PrintHead(const char* what, const AuditHead& head) {
  std::printf("%s, with %llu audit records, head %s\n", what,
              static_cast<unsigned long long>(head.sequence), Base64UrlEncode(head.hash).c_str());
}

Status BackUpTo(const std::string& file, const std::string& state) {
  RECRYPT_ASSIGN(const AuditHead head, BackUp(state, file, SystemClock()));
  PrintHead("Backed up", head);
  return {};
}

Status RestoreFrom(const std::string& file, const std::string& state) {
  RECRYPT_ASSIGN(const AuditHead head, Restore(file, state));
  PrintHead("Restored", head);
  return {};
}

Status RotateKeyOf(const StorePlace& place) {
  auto rotation = RotateServiceKey(place, SystemClock());
  if (!rotation && rotation.error().code == ErrorCode::kBusy) {
    return Fail(ErrorCode::kBusy, rotation.error().message + ": stop it first");
  }
  if (!rotation) return Fail(rotation.error());
  std::printf("%llu %s sealed to the new key %s, in version %llu of the service's profile\n",
              static_cast<unsigned long long>(rotation->sealed),
              rotation->sealed == 1 ? "half is" : "halves are", rotation->key.c_str(),
              static_cast<unsigned long long>(rotation->version));
  return {};
}

}  // namespace

void StateCommands::Declare(CLI::App& app) {
  const auto command = [this](CLI::App& of, const char* name, const char* help, auto run) {
    CLI::App* one = of.add_subcommand(name, help);
    one->add_option("--state", place_.state, "The state directory")->required();
    one->callback([this, run] { given_ = run; });
    return one;
  };
  const auto with_store = [this](CLI::App* one) {
    one->add_option("--store", place_.uri, "The database, where the service has one")
        ->check([](const std::string& uri) {
          const Status fits = CheckPostgresUri(uri);
          return fits ? std::string() : fits.error().message;
        });
  };
  const auto with_file = [this](CLI::App* one) {
    one->add_option("FILE", file_, "The backup")->required();
  };
  CLI::App* audit = app.add_subcommand("audit", "Look after the audit log");
  audit->require_subcommand(1);
  with_store(command(*audit, "verify", "Verify the chain of records",
                     [this] { return VerifyAuditOf(place_); }));
  with_file(command(app, "backup", "Copy store and keys into one file, while serving or not",
                    [this] { return BackUpTo(file_, place_.state); }));
  with_file(command(app, "restore", "Make a state directory of a backup",
                    [this] { return RestoreFrom(file_, place_.state); }));
  with_store(command(app, "rotate-key", "Seal all service halves to a new key",
                     [this] { return RotateKeyOf(place_); }));
}

std::optional<Status> StateCommands::Run() const {
  if (!given_) return std::nullopt;
  return given_();
}

}  // namespace recrypt
