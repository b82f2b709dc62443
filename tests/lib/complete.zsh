# SPDX-License-Identifier: Apache-2.0
#
# zsh -f complete.zsh FOLDER LINE: what an interactive zsh with the completions of FOLDER offers behind LINE and Tab,
# one match a line. A second zsh at a pseudo-terminal completes; its compadd writes down what it is given.

zmodload zsh/zpty || exit
typeset -x COMPLETE_FOLDER=$1 COMPLETE_MATCHES=$(mktemp) COMPLETE_SETUP=$(mktemp)
trap 'rm -f $COMPLETE_MATCHES $COMPLETE_SETUP' EXIT

cat >$COMPLETE_SETUP <<'END'
PROMPT= RPROMPT=
fpath=($COMPLETE_FOLDER $fpath)
autoload -U compinit
compinit -u -D
# Completion functions call it for purposes of their own too, with -O, -A or -D.
compadd() {
	local -a matches
	if ! (($@[(I)-[OAD]])); then
		builtin compadd -O matches "$@"
		((! $#matches)) || print -rl -- $IPREFIX$^matches >>$COMPLETE_MATCHES
	fi
	builtin compadd "$@"
}
complete-finished() { print -rn -- 'FINI' && print -r -- 'SHED' }
zle -N complete-finished
bindkey '^I' complete-word
bindkey '^X' complete-finished
print -rn -- REA && print -r -- DY
END

zpty zsh zsh -f -i
zpty -w zsh "source $COMPLETE_SETUP"
zpty -r zsh said '*READY*' || exit
zpty -w -n zsh "$2"$'\t\x18'
zpty -r zsh said '*FINISHED*' || exit
sort -u $COMPLETE_MATCHES
