// RenameNew: renames without replacing; by a hard link where the file system knows no better.
//
//   if (const int problem = RenameNew(from, to)) return FailErrno(problem, "naming " + to);
//
// 0 or an errno, EEXIST when something is there. Thread safe.
#ifndef RECRYPT_CORE_BASE_RENAME_NEW_H_
#define RECRYPT_CORE_BASE_RENAME_NEW_H_

#include <string>

namespace recrypt {

int RenameNew(const std::string& from, const std::string& to);

}  // namespace recrypt

#endif  // RECRYPT_CORE_BASE_RENAME_NEW_H_
