// Mutations: what somebody who controls the storage may make of a stored document.
//
//   Mutator mutator(forms, seed);
//   Mutation mutation = mutator.Next(forms[target]);
//   ... mutation.stored, and in words mutation.what
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_MUTATIONS_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_MUTATIONS_H_

#include <random>
#include <string>
#include <vector>

#include "tests/mount/support/stored_forms.h"

namespace recrypt {

struct Mutation {
  Bytes stored;
  std::string what;
};

class Mutator {
 public:
  // `forms` are what is spliced from, and outlive the mutator.
  Mutator(const std::vector<StoredForm>& forms, uint64_t seed) : forms_(forms), random_(seed) {}

  // One to three changes of `target`, which differ from it in at least a byte.
  Mutation Next(const StoredForm& target);
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

 private:
  // A place in the file: half of them at the edge of something, or just inside.
  size_t Place(const StoredForm& target, size_t size);
  size_t Length(size_t room);
  const StoredForm& Donor() { return forms_[Below(forms_.size())]; }
  StoredRange SomeRange(const StoredForm& form);
  size_t StoredLengthFromSizeBelow(size_t limit);

  std::string Change(const StoredForm& target, Bytes& stored);
  std::string Flip(const StoredForm& target, Bytes& stored);
  std::string Cut(const StoredForm& target, Bytes& stored);
  std::string Extend(Bytes& stored);
  std::string SwapBlocks(const StoredForm& target, Bytes& stored);
  std::string Splice(Bytes& stored);
  std::string TakeTail(const StoredForm& target, Bytes& stored);
  std::string Zero(const StoredForm& target, Bytes& stored);
  std::string Duplicate(const StoredForm& target, Bytes& stored);
  std::string Shift(const StoredForm& target, Bytes& stored);
  std::string TakeHeader(Bytes& stored);
  std::string TakeAll(Bytes& stored);
  std::string FakeFooter(Bytes& stored);

  const std::vector<StoredForm>& forms_;
  std::mt19937_64 random_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_MUTATIONS_H_
