package catalog

import "strconv"

// Field paths: providers.openai.base_url, models["openai/gpt-4o"].targets[1].

func member(path, key string) string {
	if !plainKey(key) {
		return path + "[" + show(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func plainKey(key string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return key != "" && len(key) <= 64 && !looksSecret(key)
}
