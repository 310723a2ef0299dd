// What a person does with escrows of their labels: make one, bring it up to date, recover from it.
//
//   RECRYPT_ASSIGN(MadeEscrow made, MakeEscrow(client, {labels, 3, 5, "accounting.escrow"}));
//   for (const std::string& share : made.shares) print(share);
//
//   RECRYPT_ASSIGN(Escrow escrow, LoadEscrow(client, "accounting.escrow", prompt));
//   RECRYPT_TRY(KeepRecovered(client, escrow, key));   // of RecoverEscrowKey
//
// Not thread safe.
#ifndef RECRYPT_CLIENT_ESCROW_ADMIN_H_
#define RECRYPT_CLIENT_ESCROW_ADMIN_H_

#include <string>
#include <vector>

#include "client/client.h"
#include "core/escrow/escrow.h"

namespace recrypt {

struct NewEscrow {
  std::vector<LabelName> labels;  // administered by this account
  uint32_t threshold = 2;
  uint32_t shares = 2;
  std::string file;  // kExists when it is there
};

// The shares are wiped with the object.
struct MadeEscrow {
  Escrow escrow;
  std::vector<std::string> shares;  // by number, from 1

  MadeEscrow(Escrow made, std::vector<std::string> texts)
      : escrow(std::move(made)), shares(std::move(texts)) {}
  MadeEscrow(MadeEscrow&&) = default;
  MadeEscrow& operator=(MadeEscrow&&) = default;
  ~MadeEscrow();
};
Result<MadeEscrow> MakeEscrow(Client& client, const NewEscrow& wanted);

// Seals the keys that the labels have by now, to the same shares. Only who made it may.
Result<Escrow> RenewEscrow(Client& client, const std::string& file);

// Reads the file. kDenied unless its maker is pinned, or `prompt` accepts their fingerprint.
Result<Escrow> LoadEscrow(Client& client, const std::string& file, TrustPrompt& prompt);

// Keeps the keys on this device; from then on what is encrypted to them opens here.
Status KeepRecovered(Client& client, const Escrow& escrow, const PrivateKey& key);

// The labels `name@domain` of the account: what a person's own keys are.
Result<std::vector<LabelName>> PersonalGroups(Client& client);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_ESCROW_ADMIN_H_
