// A verb's options as the library that parses them has them. Commands see command.h alone.
//
//   CLI::App app("", "recryptfs mount");
//   DeclareVerb(verb, *command, &json, app);    // command and json outlive app
#ifndef RECRYPT_CLI_PARSER_H_
#define RECRYPT_CLI_PARSER_H_

#include "cli/command.h"

namespace CLI {
class App;
}

namespace recrypt {

void DeclareVerb(const Verb& verb, Command& command, bool* json, CLI::App& app);

}  // namespace recrypt

#endif  // RECRYPT_CLI_PARSER_H_
