package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"offhook/media"
	"offhook/media/audio"
)

// music gives a class of music on hold: the files of its folder one after the
// other, else, for the class default, the built-in piece.
func (s *Server) music(class string, rate int) (media.Source, error) {
	if class == "" {
		class = "default"
	}
	if strings.ContainsAny(class, `/\`) || strings.HasPrefix(class, ".") {
		return nil, fmt.Errorf("music class %q: a class is the name of a folder", class)
	}
	files, err := musicFiles(filepath.Join(s.cfg.musicDir(), class))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		if class != "default" {
			return nil, fmt.Errorf("music class %q has no files in %s", class, s.cfg.musicDir())
		}
		return audio.Loop(audio.Music(), rate), nil
	}
	clip, err := s.audio.OpenPath(s.live, files[0])
	if err != nil {
		return nil, err
	}
	return audio.Loop(clip, rate), nil
}

func musicFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".wav", ".mp3":
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}
