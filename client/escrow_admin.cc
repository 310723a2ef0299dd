#include "client/escrow_admin.h"

#include "client/durable_file.h"
#include "client/label_admin.h"
#include "client/object_life.h"
#include "client/output_file.h"
#include "client/profile_admin.h"
#include "client/recovered_keys.h"

namespace recrypt {
namespace {

constexpr size_t kMaxFile = 16 << 20;
// The paper that shares are printed on is to outlive everybody's patience.
constexpr int64_t kEscrowLifeSeconds = 36524 * kDaySeconds;

Result<Json> SealLabels(Client& client, const std::vector<LabelName>& labels, const PublicKey& to) {
  LabelAdmin admin(client);
  std::vector<EscrowedLabel> escrowed;
  for (const LabelName& label : labels) {
    auto keys = admin.EscrowedKeys(label);
    if (!keys) return Fail(keys.error(), "the keys of " + label.text());
    escrowed.push_back(std::move(*keys));
  }
  return SealEscrowedLabels(escrowed, to);
}

Result<Escrow> ReadEscrowFile(const std::string& file) {
  RECRYPT_ASSIGN(const Bytes text, ReadSmallFile(file, kMaxFile));
  auto jws = ParseJson(AsText(text));
  if (!jws) return Fail(jws.error(), file + " is no escrow");
  auto escrow = VerifyEscrow(*jws);
  if (!escrow) return Fail(escrow.error(), file);
  return escrow;
}

Bytes FileText(const Escrow& escrow, const PrivateKey& master) {
  return ToBytes(AsBytes(DumpJson(SignEscrow(escrow, master)) + "\n"));
}

}  // namespace

MadeEscrow::~MadeEscrow() {
  for (std::string& share : shares) Wipe(share);
}

Result<MadeEscrow> MakeEscrow(Client& client, const NewEscrow& wanted) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const PrivateKey* master, identity.Master());
  const Secret secret = Secret::Random(kSharedSecretSize);
  RECRYPT_ASSIGN(auto shares, SplitSecret(secret, wanted.threshold, wanted.shares));
  RECRYPT_ASSIGN(OutputFile out, OutputFile::Make(wanted.file, Overwrite::kRefuse));
  const PrivateKey key = EscrowKeyOf(secret, identity.device_encrypt.curve());
  RECRYPT_ASSIGN(Json sealed, SealLabels(client, wanted.labels, key.public_key()));
  Escrow escrow{VersionFrom(1, client.clock().NowSeconds(), kEscrowLifeSeconds),
                {identity.account, identity.Udf()},
                identity.account_key,
                wanted.threshold,
                wanted.shares,
                RandomSetName(),
                key.public_key(),
                wanted.labels,
                std::move(sealed)};
  RECRYPT_TRY(out.Write(FileText(escrow, *master)));
  RECRYPT_TRY(out.Commit(0644));
  std::vector<std::string> texts;
  for (ShamirShare& share : shares) texts.push_back(FormatShare({std::move(share), escrow.set}));
  return MadeEscrow(std::move(escrow), std::move(texts));
}

Result<Escrow> RenewEscrow(Client& client, const std::string& file) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const PrivateKey* master, identity.Master());
  RECRYPT_ASSIGN(Escrow escrow, ReadEscrowFile(file));
  if (escrow.by.udf != identity.Udf()) {
    return Fail(ErrorCode::kDenied, file + " was made by " + escrow.by.account.text() + " " +
                                        escrow.by.udf + ", who alone can renew it");
  }
  escrow.version =
      VersionFrom(escrow.version.version + 1, client.clock().NowSeconds(), kEscrowLifeSeconds);
  RECRYPT_ASSIGN(escrow.sealed, SealLabels(client, escrow.labels, escrow.key));
  RECRYPT_TRY(ReplaceFile(file, FileText(escrow, *master), FileMode::kShared));
  return escrow;
}

Result<Escrow> LoadEscrow(Client& client, const std::string& file, TrustPrompt& prompt) {
  RECRYPT_ASSIGN(Escrow escrow, ReadEscrowFile(file));
  const std::string& account = escrow.by.account.text();
  RECRYPT_ASSIGN(const bool pinned,
                 client.trust().CheckPin(TrustSubject::kAccount, account, escrow.by.udf));
  if (pinned || prompt.Accept({TrustSubject::kAccount, account, escrow.by.udf})) return escrow;
  return Fail(ErrorCode::kDenied, file + " is signed by " + escrow.by.udf +
                                      ": compare that with the fingerprint on "
                                      "the shares, and run 'recryptfs profile "
                                      "trust " +
                                      account + " " + escrow.by.udf + "'");
}

Status KeepRecovered(Client& client, const Escrow& escrow, const PrivateKey& key) {
  RECRYPT_ASSIGN(auto labels, OpenEscrowedLabels(escrow.sealed, key));
  return RecoveredKeys::Add(client.directory().RecoveredFile(),
                            client.keystore().identity().device_encrypt, std::move(labels));
}

Result<std::vector<LabelName>> PersonalGroups(Client& client) {
  RECRYPT_ASSIGN(const Profile own, OwnProfile(client));
  std::vector<LabelName> groups;
  for (const Profile::OwnedLabel& owned : own.labels) {
    if (owned.label.is_personal()) groups.push_back(owned.label);
  }
  return groups;
}

}  // namespace recrypt
